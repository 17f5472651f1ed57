{{- /* The keys of the usual guide as the fields of a policy. What contradicts itself is refused in _refuse.tpl. */ -}}

{{- /* All policies among the values: name → spec, as JSON. */ -}}
{{- define "gpuas.policies" -}}
{{- $policies := deepCopy .Values.policies -}}
{{- if include "gpuas.guide.used" . -}}
{{- $name := .Values.autoscaling.policyName | default "default" -}}
{{- $_ := set $policies $name (include "gpuas.guide.spec" . | fromJson) -}}
{{- end -}}
{{- $policies | toJson -}}
{{- end -}}

{{- /* "true" when any of the keys has a value; empty groups come from values.yaml. */ -}}
{{- define "gpuas.guide.used" -}}
{{- $used := false -}}
{{- range $key, $value := .Values.autoscaling -}}
{{- if kindIs "map" $value -}}{{- if $value -}}{{- $used = true -}}{{- end -}}
{{- else if not (kindIs "invalid" $value) -}}{{- $used = true -}}{{- end -}}
{{- end -}}
{{- if $used -}}true{{- end -}}
{{- end -}}

{{- /* Key of the guide → field, where the value is taken as it is. */ -}}
{{- define "gpuas.guide.fields" -}}
enabled: enabled
mode: mode
provider: provider
scaleUp.threshold: scaleUpThreshold
scaleDown.threshold: scaleDownThreshold
limits.minNodes: minNodes
limits.maxNodes: maxNodes
spot.enabled: enableSpotInstances
spot.targetPercentage: spotInstancePercentage
multiTier.enabled: enableMultiTierScaling
multiTier.spotPercentage: spotInstancePercentage
multiTier.onDemandPercentage: onDemandPercentage
multiTier.reservedPercentage: reservedPercentage
predictive.enabled: enablePredictiveScaling
{{- end -}}

{{- /* Likewise, of durations that become whole seconds. */ -}}
{{- define "gpuas.guide.durations" -}}
scaleUp.cooldown: scaleUpCooldownSeconds
scaleUp.pendingPodTimeout: pendingPodTimeoutSeconds
scaleDown.cooldown: scaleDownCooldownSeconds
{{- end -}}

{{- /* Provider → its key with the names of groups. */ -}}
{{- define "gpuas.guide.groups" -}}
aws: autoScalingGroups
gcp: instanceGroups
azure: vmScaleSets
{{- end -}}

{{- define "gpuas.guide.spec" -}}
{{- $guide := .Values.autoscaling -}}
{{- $spec := dict -}}
{{- range $kind := list "fields" "durations" -}}
{{- range $path, $field := include (printf "gpuas.guide.%s" $kind) $ | fromYaml -}}
{{- $at := $guide -}}
{{- range splitList "." $path -}}
{{- $at = ternary (get ($at | default dict) .) nil (kindIs "map" $at) -}}
{{- end -}}
{{- /* false and 0 are values; only what is not there stays out. */ -}}
{{- if not (or (kindIs "invalid" $at) (and (kindIs "string" $at) (eq (toString $at) ""))) -}}
{{- $_ := set $spec $field (ternary (include "gpuas.seconds" (toString $at) | int64) $at (eq $kind "durations")) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- /* What the guide says of its forecast has the same names in the policy. */ -}}
{{- $predictive := omit ($guide.predictive | default dict) "enabled" -}}
{{- if $predictive -}}{{- $_ := set $spec "predictive" $predictive -}}{{- end -}}
{{- if hasKey ($guide.spot | default dict) "diversify" -}}
{{- $_ := set $spec "spot" (dict "diversify" $guide.spot.diversify) -}}
{{- end -}}
{{- $pools := list -}}
{{- range $pool := $guide.nodePools -}}
{{- $made := deepCopy $pool -}}
{{- $provider := $guide.provider | default "" -}}
{{- $cloud := get $guide $provider | default dict -}}
{{- $given := get (get $cloud (get (include "gpuas.guide.groups" $ | fromYaml) $provider | default "") | default dict) $pool.name -}}
{{- $group := dict -}}
{{- if not $given -}}
{{- else if eq $provider "aws" -}}
{{- $group = dict "region" $cloud.region "autoScalingGroup" $given -}}
{{- else if and (eq $provider "gcp") $cloud.projectID $cloud.zone -}}
{{- $group = dict "project" $cloud.projectID "location" $cloud.zone "instanceGroupManager" $given -}}
{{- else if and (eq $provider "azure") $cloud.subscriptionID $cloud.resourceGroup -}}
{{- $group = dict "subscriptionID" $cloud.subscriptionID "resourceGroup" $cloud.resourceGroup "vmScaleSet" $given -}}
{{- end -}}
{{- if and $group (not $pool.group) -}}{{- $_ := set $made "group" (dict $provider $group) -}}{{- end -}}
{{- if and $cloud.region (not $pool.region) -}}
{{- $_ := set $made "region" $cloud.region -}}
{{- end -}}
{{- $pools = append $pools $made -}}
{{- end -}}
{{- if $pools -}}{{- $_ := set $spec "nodePools" $pools -}}{{- end -}}
{{- $spec | toJson -}}
{{- end -}}
