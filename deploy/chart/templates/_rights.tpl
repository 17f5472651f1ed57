{{- /* What each program may do. agent/README.md and coordinator/README.md say what for. */ -}}

{{- define "gpuas.rules.agent" -}}
{{- $rights := .Values.agent.rights -}}
- { apiGroups: [""], resources: [nodes], verbs: [get, list, watch, patch] }
- { apiGroups: [""], resources: [nodes/status], verbs: [patch] }
- { apiGroups: [gpu-autoscaler.io], resources: [autoscalingpolicies], verbs: [list] }
- { apiGroups: [""], resources: [pods], verbs: [list, watch, delete{{ if $rights.terminationDeadline }}, patch{{ end }}] }
- { apiGroups: [""], resources: [pods/eviction], verbs: [create] }
- { apiGroups: [""], resources: [events], verbs: [create, patch] }
{{- if $rights.disruptionTarget }}
- { apiGroups: [""], resources: [pods/status], verbs: [patch] }
{{- end }}
{{- if .Values.agent.settings.checkpointExec }}
- { apiGroups: [""], resources: [pods/exec], verbs: [get, create] }
{{- end }}
{{- if .Values.agent.webConfig.tokens }}
# Whose token a scraper shows, and whether that account may see metrics.
- { apiGroups: [authentication.k8s.io], resources: [tokenreviews], verbs: [create] }
- { apiGroups: [authorization.k8s.io], resources: [subjectaccessreviews], verbs: [create] }
{{- end }}
{{- if $rights.resourceSlices }}
- { apiGroups: [resource.k8s.io], resources: [resourceslices], verbs: [list] }
{{- end }}
{{- end -}}

{{- define "gpuas.rules.coordinator" -}}
{{- $rights := .Values.coordinator.rights -}}
{{- $wanted := include "gpuas.groups" . | fromJson -}}
- { apiGroups: [""], resources: [nodes], verbs: [get, list, watch, patch] }
- { apiGroups: [""], resources: [pods, persistentvolumeclaims, persistentvolumes, namespaces], verbs: [list, watch] }
- { apiGroups: [""], resources: [pods/eviction], verbs: [create] }
- { apiGroups: [policy], resources: [poddisruptionbudgets], verbs: [list, watch] }
- { apiGroups: [storage.k8s.io], resources: [storageclasses, csinodes], verbs: [list, watch] }
- { apiGroups: [apps], resources: [daemonsets], verbs: [list, watch] }
- { apiGroups: [gpu-autoscaler.io], resources: [autoscalingpolicies], verbs: [get, list, watch] }
- { apiGroups: [gpu-autoscaler.io], resources: [autoscalingpolicies/status], verbs: [update] }
# Whether a second coordinator acts in this cluster: leases of our name, in whatever namespace.
- { apiGroups: [coordination.k8s.io], resources: [leases], resourceNames: [{{ .Values.coordinator.settings.leaseName | default (include "gpuas.names" . | fromJson).coordinator | quote }}], verbs: [list, watch] }
{{- if $rights.gangs }}
- { apiGroups: [scheduling.x-k8s.io, scheduling.volcano.sh], resources: [podgroups], verbs: [list, watch] }
- { apiGroups: [jobset.x-k8s.io], resources: [jobsets], verbs: [list, watch] }
{{- end }}
{{- if or $rights.clusterApi $wanted.clusterApi }}
- { apiGroups: [cluster.x-k8s.io], resources: [machines], verbs: [get, list, watch, patch] }
- { apiGroups: [cluster.x-k8s.io], resources: [machinedeployments, machinepools], verbs: [get, list, watch] }
- { apiGroups: [cluster.x-k8s.io], resources: [machinedeployments/scale, machinepools/scale], verbs: [patch] }
{{- end }}
{{- if or $rights.karpenter $wanted.karpenter }}
- { apiGroups: [karpenter.sh], resources: [nodepools], verbs: [get, list, watch, patch] }
- { apiGroups: [karpenter.sh], resources: [nodeclaims], verbs: [get, list, watch, patch, delete] }
# Why Karpenter got no machine: its events stand beside NodeClaims, in any namespace.
- { apiGroups: [""], resources: [events], verbs: [list, watch] }
{{- end }}
{{- if eq .Values.nats.auth.method "callout" }}
# Whose token an agent shows to NATS.
- { apiGroups: [authentication.k8s.io], resources: [tokenreviews], verbs: [create] }
{{- end }}
{{- range $rights.scaleTargets }}
- { apiGroups: [{{ .group | quote }}], resources: [{{ .resource }}/scale], verbs: [get, patch] }
{{- end }}
{{- end -}}

{{- /* Which kinds of groups the policies among the values name. */ -}}
{{- define "gpuas.groups" -}}
{{- $found := dict "clusterApi" false "karpenter" false "others" (list) -}}
{{- range $name, $spec := include "gpuas.policies" . | fromJson }}
{{- range $pool := $spec.nodePools }}
{{- with (($pool.group).scale).apiVersion }}
{{- $group := regexReplaceAll "/.*$" . "" }}
{{- if eq $group "cluster.x-k8s.io" }}{{ $_ := set $found "clusterApi" true }}
{{- else if eq $group "karpenter.sh" }}{{ $_ := set $found "karpenter" true }}
{{- else }}{{ $_ := set $found "others" (append $found.others (dict "policy" $name "pool" $pool.name "group" $group)) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- $found | toJson -}}
{{- end -}}
