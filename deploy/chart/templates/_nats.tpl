{{- /* How agents and coordinators reach NATS. */ -}}

{{- define "gpuas.nats.own" -}}
{{- if empty .Values.nats.external.servers -}}true{{- end -}}
{{- end -}}

{{- /* The secret with the keys of the callout. */ -}}
{{- define "gpuas.nats.keys" -}}
{{- .Values.nats.auth.secretName | default (include "gpuas.names" . | fromJson).natsSecret.name -}}
{{- end -}}

{{- define "gpuas.nats.servers" -}}
{{- if include "gpuas.nats.own" . -}}
{{- $scheme := ternary "tls" "nats" (ne .Values.nats.tls.secretName "") -}}
{{- printf "%s://gpu-autoscaler-nats.%s.svc:4222" $scheme .Release.Namespace -}}
{{- else -}}
{{- join "," .Values.nats.external.servers -}}
{{- end -}}
{{- end -}}

{{- /* Of a component: "agent" or "coordinator". Agents show a token, coordinators a key that no agent has. */ -}}
{{- define "gpuas.nats.env" -}}
{{- $nats := .root.Values.nats -}}
{{- $names := include "gpuas.names" . | fromJson -}}
{{- $keyed := and (eq $nats.auth.method "callout") (eq .component "coordinator") -}}
- name: GPUAS_NATS_SERVERS
  value: {{ include "gpuas.nats.servers" .root | quote }}
- name: GPUAS_SUBJECT_ROOT
  value: {{ $nats.subjectRoot | quote }}
{{- if $nats.tls.secretName }}
- name: GPUAS_NATS_CA_FILE
  value: /etc/gpu-autoscaler/nats-ca/ca.crt
{{- end }}
{{- if and (ne $nats.auth.method "none") (not $keyed) }}
- name: GPUAS_NATS_TOKEN_FILE
  value: /etc/gpu-autoscaler/nats-token/token
{{- end }}
{{- if eq .component "coordinator" }}
- name: GPUAS_NATS_REPLICAS
  value: {{ ternary $nats.replicas $nats.external.replicas (eq (include "gpuas.nats.own" .root) "true") | quote }}
{{- end }}
{{- if $keyed }}
- name: GPUAS_NATS_CALLOUT
  value: "true"
- name: GPUAS_NATS_NKEY_FILE
  value: /etc/gpu-autoscaler/nats-keys/{{ $names.natsSecret.coordinator }}
- name: GPUAS_NATS_ISSUER_FILE
  value: /etc/gpu-autoscaler/nats-keys/{{ $names.natsSecret.issuer }}
- name: GPUAS_NATS_XKEY_FILE
  value: /etc/gpu-autoscaler/nats-keys/{{ $names.natsSecret.sealing }}
- name: GPUAS_NATS_AUDIENCE
  value: {{ $nats.auth.audience | quote }}
- name: GPUAS_NATS_ACCOUNT
  value: {{ $nats.auth.account | quote }}
- name: GPUAS_AGENT_SERVICE_ACCOUNT
  value: {{ printf "%s/%s" .root.Release.Namespace $names.agent | quote }}
{{- end }}
{{- end -}}

{{- define "gpuas.nats.mounts" -}}
{{- $nats := .root.Values.nats -}}
{{- if and (eq $nats.auth.method "callout") (eq .component "coordinator") }}
- { name: nats-keys, mountPath: /etc/gpu-autoscaler/nats-keys, readOnly: true }
{{- else if ne $nats.auth.method "none" }}
- { name: nats-token, mountPath: /etc/gpu-autoscaler/nats-token, readOnly: true }
{{- end }}
{{- if $nats.tls.secretName }}
- { name: nats-ca, mountPath: /etc/gpu-autoscaler/nats-ca, readOnly: true }
{{- end }}
{{- end -}}

{{- define "gpuas.nats.volumes" -}}
{{- $nats := .root.Values.nats -}}
{{- $names := include "gpuas.names" . | fromJson -}}
{{- if eq $nats.auth.method "callout" }}
{{- if eq .component "coordinator" }}
- name: nats-keys
  secret:
    secretName: {{ include "gpuas.nats.keys" .root }}
    items:
      {{- range list $names.natsSecret.coordinator $names.natsSecret.issuer $names.natsSecret.sealing }}
      - { key: {{ . }}, path: {{ . }} }
      {{- end }}
{{- else }}
- name: nats-token
  projected:
    sources:
      # Bound to the pod and for NATS alone: the API server does not take it.
      - serviceAccountToken:
          audience: {{ $nats.auth.audience }}
          expirationSeconds: 3600
          path: token
{{- end }}
{{- else if eq $nats.auth.method "secret" }}
- name: nats-token
  secret:
    secretName: {{ $nats.auth.secretName }}
    items: [{ key: token, path: token }]
{{- end }}
{{- if $nats.tls.secretName }}
- name: nats-ca
  secret:
    secretName: {{ $nats.tls.secretName }}
    # Never the key.
    items: [{ key: ca.crt, path: ca.crt }]
{{- end }}
{{- end -}}

{{- /* Ports of the servers that are there already. */ -}}
{{- define "gpuas.nats.ports" -}}
{{- $ports := list -}}
{{- range .Values.nats.external.servers -}}
{{- $ports = append $ports (regexFind "[0-9]+$" (regexFind ":[0-9]+$" .) | default "4222" | int) -}}
{{- end -}}
{{- $ports | uniq | toJson -}}
{{- end -}}
