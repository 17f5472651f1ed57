{{- /* What several manifests say alike: names, labels, images, environment. */ -}}

{{- define "gpuas.labels" -}}
{{ include "gpuas.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: gpu-autoscaler
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end -}}

{{- /* These never change: a selector cannot. */ -}}
{{- define "gpuas.selector" -}}
app.kubernetes.io/name: gpu-autoscaler
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- /* The image's whole name. */ -}}
{{- define "gpuas.image" -}}
{{- $own := (index .root.Values .component).image -}}
{{- $tag := .root.Values.image.tag | default .root.Chart.AppVersion -}}
{{- $own | default (printf "%s/%s:%s" .root.Values.image.repository .component $tag) -}}
{{- end -}}

{{- define "gpuas.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- end -}}

{{- /* "1h30m" in milliseconds. */ -}}
{{- define "gpuas.millis" -}}
{{- $total := 0.0 -}}
{{- range regexFindAll "[0-9]+([.][0-9]+)?(ms|s|m|h|d)" . -1 -}}
{{- $unit := regexFind "[a-z]+$" . -}}
{{- $of := dict "ms" 1.0 "s" 1000.0 "m" 60000.0 "h" 3600000.0 "d" 86400000.0 -}}
{{- $total = addf $total (mulf (trimSuffix $unit . | float64) (get $of $unit)) -}}
{{- end -}}
{{- $total -}}
{{- end -}}

{{- /* The same as whole seconds. */ -}}
{{- define "gpuas.seconds" -}}
{{- divf (include "gpuas.millis" . | float64) 1000 | ceil | int64 -}}
{{- end -}}

{{- /* A value as the environment has it: lists with commas, whole numbers without a point. */ -}}
{{- define "gpuas.written" -}}
{{- if kindIs "slice" . -}}{{- join "," . -}}
{{- else if kindIs "float64" . -}}{{- if eq . (floor .) -}}{{- int64 . -}}{{- else -}}{{- . -}}{{- end -}}
{{- else -}}{{- . -}}{{- end -}}
{{- end -}}

{{- /* Settings that are values, under their environment names. */ -}}
{{- define "gpuas.settings" -}}
{{- $names := include (printf "gpuas.settings.%s" .component) . | fromJson -}}
{{- $settings := (index .root.Values .component).settings -}}
{{- range $name := keys $names | sortAlpha }}
{{- $value := get $settings $name }}
{{- if and (hasKey $settings $name) (not (kindIs "invalid" $value)) }}
- name: {{ get $names $name }}
  value: {{ include "gpuas.written" $value | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "gpuas.downward" -}}
- name: POD_NAME
  valueFrom: { fieldRef: { fieldPath: metadata.name } }
- name: POD_NAMESPACE
  valueFrom: { fieldRef: { fieldPath: metadata.namespace } }
{{- end -}}

{{- define "gpuas.plainContainer" -}}
allowPrivilegeEscalation: false
privileged: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- /*
Keeps a pod away from nodes that could be removed by us: never where the pool's label stands, and, since not every node of
a pool has one, where GPUs are only if there is no other place.
*/ -}}
{{- define "gpuas.awayFromPools" -}}
{{- $names := include "gpuas.names" . | fromJson -}}
{{- $pools := list $names.pool $names.nodePool -}}
nodeAffinity:
  requiredDuringSchedulingIgnoredDuringExecution:
    nodeSelectorTerms:
      - matchExpressions:
          {{- range $pools }}
          - { key: {{ . }}, operator: DoesNotExist }
          {{- end }}
  preferredDuringSchedulingIgnoredDuringExecution:
    - weight: 100
      preference:
        matchExpressions:
          {{- range $names.gpuLabels }}
          {{- if not (has . $pools) }}
          - { key: {{ . }}, operator: DoesNotExist }
          {{- end }}
          {{- end }}
          - key: {{ $names.instanceType }}
            operator: NotIn
            values: {{- toYaml $names.gpuInstanceTypes | nindent 14 }}
{{- end -}}

{{- define "gpuas.scrapeAnnotations" -}}
prometheus.io/scrape: "true"
prometheus.io/port: {{ .port | quote }}
prometheus.io/path: /metrics
prometheus.io/scheme: {{ .scheme }}
{{- end -}}
