// Names in our queries that others give: the scraper's own labels, kube-state-metrics, Prometheus itself. A list by hand,
// as short as the queries need it, since no scrape of ours can show them; each from the documentation of its project.

/**
 * What the scrape configuration puts on every series of a target. `node` is the node that the pod runs on, which is not
 * there by itself: the relabelling that gives it stands in deploy/alerts/README.md.
 */
export const TARGET_LABELS: readonly string[] = ["job", "instance", "node"];

const OF_POD = ["namespace", "pod", "uid"];
const OF_AUTOSCALER = ["namespace", "horizontalpodautoscaler"];

/** Metric → its labels. */
export const FOREIGN_METRICS: Readonly<Record<string, readonly string[]>> = {
  // Prometheus: 1 where the last scrape of a target succeeded.
  up: [],
  // kube-state-metrics 2.x, scraped with its own labels kept (`honor_labels`).
  kube_pod_info: [...OF_POD, "node", "host_ip", "pod_ip", "created_by_kind", "created_by_name"],
  kube_pod_status_phase: [...OF_POD, "phase"],
  kube_pod_container_resource_requests: [...OF_POD, "container", "node", "resource", "unit"],
  kube_deployment_status_replicas: ["namespace", "deployment"],
  kube_deployment_spec_replicas: ["namespace", "deployment"],
  kube_horizontalpodautoscaler_status_current_replicas: OF_AUTOSCALER,
  kube_horizontalpodautoscaler_status_desired_replicas: OF_AUTOSCALER,
  kube_horizontalpodautoscaler_spec_max_replicas: OF_AUTOSCALER,
};
