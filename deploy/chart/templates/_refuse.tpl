{{- /*
Values that contradict each other, which no schema sees: each with its key and the way out, all of them at once. What is
wrong inside of one policy (thresholds in order, names twice) the API server refuses by the policy's definition.
*/ -}}
{{- define "gpuas.refuse" -}}
{{- $said := list -}}
{{- $guide := .Values.autoscaling -}}

{{- /* Identities: two clouds at once cannot be meant. */ -}}
{{- $cloud := .Values.cloud -}}
{{- $identities := compact (list (ternary "cloud.aws.roleArn" "" (ne $cloud.aws.roleArn "")) (ternary "cloud.gcp.serviceAccount" "" (ne $cloud.gcp.serviceAccount "")) (ternary "cloud.azure.clientId" "" (ne $cloud.azure.clientId ""))) -}}
{{- if gt (len $identities) 1 -}}
{{- $said = append $said (printf "%s: the coordinator has one identity; leave one" (join " and " $identities)) -}}
{{- end -}}
{{- if and $cloud.azure.tenantId (not $cloud.azure.clientId) -}}
{{- $said = append $said "cloud.azure.tenantId: is of no use without cloud.azure.clientId; set both" -}}
{{- end -}}

{{- /* The guide's keys. */ -}}
{{- if include "gpuas.guide.used" . -}}
{{- $provider := $guide.provider | default "" -}}
{{- $acts := ne ($guide.mode | default "Act") "Recommend" -}}
{{- $name := $guide.policyName | default "default" -}}
{{- if hasKey .Values.policies $name -}}
{{- $said = append $said (printf "autoscaling.policyName: policies.%s has that name already; choose another" $name) -}}
{{- end -}}
{{- if not $provider -}}
{{- $said = append $said "autoscaling.provider: is required beside other keys of autoscaling: aws, gcp, azure or custom" -}}
{{- end -}}
{{- $spot := ($guide.spot).targetPercentage -}}
{{- $tier := ($guide.multiTier).spotPercentage -}}
{{- if and (not (kindIs "invalid" $spot)) (not (kindIs "invalid" $tier)) -}}
{{- if ne (float64 $spot) (float64 $tier) -}}
{{- $said = append $said (printf "autoscaling.multiTier.spotPercentage: %v, and autoscaling.spot.targetPercentage is %v; both are the same share, leave one" $tier $spot) -}}
{{- end -}}
{{- end -}}
{{- $names := list -}}
{{- range $pool := $guide.nodePools -}}{{- $names = append $names $pool.name -}}{{- end -}}
{{- range $other, $key := dict "aws" "autoScalingGroups" "gcp" "instanceGroups" "azure" "vmScaleSets" -}}
{{- $groups := get (get $guide $other | default dict) $key | default dict -}}
{{- if and $groups $provider (ne $provider $other) -}}
{{- $said = append $said (printf "autoscaling.%s.%s: the provider is %s; leave one of them" $other $key $provider) -}}
{{- else if and $groups $acts (ne $other "aws") -}}
{{- $said = append $said (printf "autoscaling.%s.%s: nothing here can size such groups yet; set autoscaling.mode to Recommend, or give the pools a group of their own (autoscaling.nodePools[].group.scale)" $other $key) -}}
{{- end -}}
{{- range $pool, $group := $groups -}}
{{- if not (has $pool $names) -}}
{{- $said = append $said (printf "autoscaling.%s.%s.%s: is no pool of autoscaling.nodePools (%s)" $other $key $pool (join ", " $names | default "none")) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and (eq $provider "aws") ($guide.aws).autoScalingGroups (not ($guide.aws).region) -}}
{{- $said = append $said "autoscaling.aws.region: is required with autoscaling.aws.autoScalingGroups, such as us-west-2" -}}
{{- end -}}
{{- range $index, $pool := $guide.nodePools -}}
{{- $given := get (($guide.aws).autoScalingGroups | default dict) $pool.name -}}
{{- if and $pool.group $given -}}
{{- $said = append $said (printf "autoscaling.nodePools[%d].group: pool %s has a group in autoscaling.aws.autoScalingGroups as well; leave one" $index $pool.name) -}}
{{- end -}}
{{- if and $acts (eq $provider "aws") (not $pool.group) (not $given) -}}
{{- $said = append $said (printf "autoscaling.aws.autoScalingGroups.%s: pool %s has no group, so nothing would size it; name its group here, or set autoscaling.mode to Recommend" $pool.name $pool.name) -}}
{{- else if and $acts (ne $provider "aws") (not $pool.group) -}}
{{- $said = append $said (printf "autoscaling.nodePools[%d].group: pool %s has no group, so nothing would size it; give it one, or set autoscaling.mode to Recommend" $index $pool.name) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* Policies by our own fields. */ -}}
{{- range $name, $spec := .Values.policies -}}
{{- $acts := and (ne ($spec.mode | default "Act") "Recommend") (ne ($spec.enabled | toString) "false") -}}
{{- range $index, $pool := $spec.nodePools -}}
{{- $at := printf "policies.%s.nodePools[%d].group" $name $index -}}
{{- $kinds := keys ($pool.group | default dict) | sortAlpha -}}
{{- if and $acts (not $kinds) -}}
{{- $said = append $said (printf "%s: pool %s has no group, so nothing would size it; give it one, or set policies.%s.mode to Recommend" $at $pool.name $name) -}}
{{- else if gt (len $kinds) 1 -}}
{{- $said = append $said (printf "%s: %s cannot both size pool %s; leave one" $at (join " and " $kinds) $pool.name) -}}
{{- end -}}
{{- if and (has "aws" $kinds) (has ($spec.provider | default "") (list "gcp" "azure")) -}}
{{- $said = append $said (printf "%s.aws: the policy's provider is %s; make it aws, or leave the group out" $at $spec.provider) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $targets := list -}}
{{- range .Values.coordinator.rights.scaleTargets -}}{{- $targets = append $targets .group -}}{{- end -}}
{{- range (include "gpuas.groups" . | fromJson).others -}}
{{- if not (has .group $targets) -}}
{{- $said = append $said (printf "coordinator.rights.scaleTargets: pool %s of policy %s is sized by an object of %s, for which the coordinator needs a right; add {group: %s, resource: its plural}" .pool .policy .group .group) -}}
{{- end -}}
{{- end -}}

{{- /* Durations out of their bounds, which would only show when the program starts. */ -}}
{{- range $program := list "agent" "coordinator" -}}
{{- $settings := (index $.Values $program).settings -}}
{{- range $name, $bounds := include (printf "gpuas.bounds.%s" $program) $ | fromJson -}}
{{- with get $settings $name -}}
{{- $given := include "gpuas.millis" . | float64 -}}
{{- if and $bounds.min (lt $given (include "gpuas.millis" ($bounds.min | default "0s") | float64)) -}}
{{- $said = append $said (printf "%s.settings.%s: %s is less than %s" $program $name . $bounds.min) -}}
{{- end -}}
{{- if and $bounds.max (gt $given (include "gpuas.millis" ($bounds.max | default "0s") | float64)) -}}
{{- $said = append $said (printf "%s.settings.%s: %s is more than %s" $program $name . $bounds.max) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* NATS. */ -}}
{{- $nats := .Values.nats -}}
{{- if and (eq $nats.auth.method "secret") (not $nats.auth.secretName) -}}
{{- $said = append $said "nats.auth.secretName: is required with nats.auth.method secret" -}}
{{- end -}}
{{- if and (eq $nats.auth.method "none") $nats.auth.secretName -}}
{{- $said = append $said "nats.auth.secretName: is not read with nats.auth.method none; choose callout or secret" -}}
{{- end -}}
{{- if and $nats.external.servers $nats.extraConfig -}}
{{- $said = append $said "nats.extraConfig: is for the chart's NATS, and nats.external.servers names another; leave one" -}}
{{- end -}}

{{- /* The agents' files and monitors. */ -}}
{{- if and .Values.agent.webConfig.tls (not .Values.agent.webConfig.secretName) -}}
{{- $said = append $said "agent.webConfig.tls: needs agent.webConfig.secretName, which holds the certificate" -}}
{{- end -}}
{{- if and .Values.monitoring.annotations (or .Values.monitoring.podMonitor .Values.monitoring.serviceMonitor) -}}
{{- $said = append $said "monitoring.annotations: with a monitor beside it each pod would be scraped twice; leave one" -}}
{{- end -}}
{{- if $said -}}{{- fail (printf "\n%s" (join "\n" $said)) -}}{{- end -}}
{{- end -}}
