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
{{- $keys := include "gpuas.guide.groups" . | fromYaml -}}
{{- range $other, $key := $keys -}}
{{- $groups := get (get $guide $other | default dict) $key | default dict -}}
{{- if and $groups $provider (ne $provider $other) -}}
{{- $said = append $said (printf "autoscaling.%s.%s: the provider is %s; leave one of them" $other $key $provider) -}}
{{- end -}}
{{- range $pool, $group := $groups -}}
{{- if not (has $pool $names) -}}
{{- $said = append $said (printf "autoscaling.%s.%s.%s: is no pool of autoscaling.nodePools (%s)" $other $key $pool (join ", " $names | default "none")) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $key := get $keys $provider -}}
{{- $at := get $guide $provider | default dict -}}
{{- $given := get $at $key | default dict -}}
{{- $needed := dict "aws" (dict "region" "us-west-2") "gcp" (dict "projectID" "my-project-1" "zone" "us-central1-a (each zone has a group of its own)") "azure" (dict "subscriptionID" "the subscription's GUID" "resourceGroup" "gpu-nodes") -}}
{{- if and $given (or $acts (eq $provider "aws")) -}}
{{- range $need, $example := get $needed $provider -}}
{{- if not (get $at $need) -}}
{{- $said = append $said (printf "autoscaling.%s.%s: is required with autoscaling.%s.%s, such as %s" $provider $need $provider $key $example) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $index, $pool := $guide.nodePools -}}
{{- $named := get $given $pool.name -}}
{{- if and $pool.group $named -}}
{{- $said = append $said (printf "autoscaling.nodePools[%d].group: pool %s has a group in autoscaling.%s.%s as well; leave one" $index $pool.name $provider $key) -}}
{{- end -}}
{{- if and $acts (not $pool.group) (not $named) -}}
{{- if $key -}}
{{- $said = append $said (printf "autoscaling.%s.%s.%s: pool %s has no group, so nothing would size it; name its group here, or set autoscaling.mode to Recommend" $provider $key $pool.name $pool.name) -}}
{{- else -}}
{{- $said = append $said (printf "autoscaling.nodePools[%d].group: pool %s has no group, so nothing would size it; give it one, or set autoscaling.mode to Recommend" $index $pool.name) -}}
{{- end -}}
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
{{- $clouds := list "aws" "gcp" "azure" -}}
{{- range $kind := $kinds -}}
{{- if and (has $kind $clouds) (has ($spec.provider | default "") $clouds) (ne $kind $spec.provider) -}}
{{- $said = append $said (printf "%s.%s: the policy's provider is %s; make it %s, or leave the group out" $at $kind $spec.provider $kind) -}}
{{- end -}}
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
{{- if and .Values.agent.webConfig.tokens (not .Values.agent.webConfig.tls) -}}
{{- $said = append $said "agent.webConfig.tokens: needs agent.webConfig.tls and a certificate in agent.webConfig.secretName; without TLS a token would be anybody's on the way" -}}
{{- end -}}
{{- if and .Values.monitoring.scrapers (not .Values.agent.webConfig.tokens) -}}
{{- $said = append $said "monitoring.scrapers: is of no use without agent.webConfig.tokens; set that too, or leave it out" -}}
{{- end -}}
{{- if and .Values.monitoring.annotations (or .Values.monitoring.podMonitor .Values.monitoring.serviceMonitor) -}}
{{- $said = append $said "monitoring.annotations: with a monitor beside it each pod would be scraped twice; leave one" -}}
{{- end -}}
{{- if $said -}}{{- fail (printf "\n%s" (join "\n" $said)) -}}{{- end -}}
{{- end -}}
