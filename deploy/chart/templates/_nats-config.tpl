{{- /* The file of the chart's NATS. */ -}}
{{- define "gpuas.nats.config" -}}
{{- $nats := .Values.nats -}}
{{- if eq $nats.auth.method "callout" -}}
# Public halves of the keys, out of their secret.
include ./{{ (include "gpuas.names" . | fromJson).natsSecret.publicKeys }}
{{ end -}}
server_name: $POD_NAME
listen: "0.0.0.0:4222"
http: "0.0.0.0:8222"
jetstream {
  store_dir: "/data"
  # Nothing of ours is kept in memory alone.
  max_memory_store: 64MB
}
{{- if eq (int $nats.replicas) 3 }}
cluster {
  name: "gpu-autoscaler"
  listen: "0.0.0.0:6222"
  routes: [
    {{- range until 3 }}
    "nats://gpu-autoscaler-nats-{{ . }}.gpu-autoscaler-nats-peers.{{ $.Release.Namespace }}.svc:6222"
    {{- end }}
  ]
  # Clients come by the service's name; the servers' own addresses are of no use to them.
  no_advertise: true
  {{- if $nats.tls.secretName }}
  {{- include "gpuas.nats.tls" . | nindent 2 }}
  {{- end }}
}
{{- end }}
{{- if $nats.tls.secretName }}
{{ include "gpuas.nats.tls" . }}
{{- end }}
{{- if eq $nats.auth.method "callout" }}
# Coordinators come by their key. Everybody else is let in by what they answer.
accounts {
  {{ $nats.auth.account }}: {
    jetstream: enabled
    users: [{ nkey: $GPUAS_COORDINATOR }]
  }
  SYS: {}
}
system_account: SYS
authorization {
  # How long a coordinator may take to answer; it asks the Kubernetes API meanwhile.
  timeout: 3
  auth_callout {
    issuer: $GPUAS_ISSUER
    auth_users: [$GPUAS_COORDINATOR]
    account: {{ $nats.auth.account }}
    xkey: $GPUAS_XKEY
  }
}
{{- else if eq $nats.auth.method "secret" }}
authorization {
  token: $NATS_TOKEN
}
{{- end }}
{{- with $nats.extraConfig }}
{{ . }}
{{- end }}
{{ end -}}

{{- define "gpuas.nats.tls" -}}
tls {
  cert_file: "/etc/nats-tls/tls.crt"
  key_file: "/etc/nats-tls/tls.key"
  ca_file: "/etc/nats-tls/ca.crt"
}
{{- end -}}
