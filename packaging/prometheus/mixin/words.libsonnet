// The configuration, and the lists of labels that the expressions are made with.
function(config) config {
  local list(labels) = std.join(', ', std.uniq(std.sort(labels))),
  local vip = config.fleetLabels + ['domain', 'address', 'port', 'protocol'],

  selector: config.lowatchSelector,
  host: list(config.hostLabels),
  fleet: list(config.fleetLabels),
  vip: list(vip),
  vip_and_host: list(vip + config.hostLabels),
  name: list(config.fleetLabels + ['domain', 'port', 'protocol']),
}
