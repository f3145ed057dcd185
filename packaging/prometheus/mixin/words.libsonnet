// The configuration, and the lists of labels that the expressions are made with.
function(config) config {
  local list(labels) = std.join(', ', std.uniq(std.sort(labels))),
  local vip = config.fleetLabels + ['domain', 'address', 'port', 'protocol'],

  selector: config.lowatchSelector,
  lossless: std.join('|', config.losslessLimits),
  host: list(config.hostLabels),
  fleet: list(config.fleetLabels),
  vip: list(vip),
  vip_and_host: list(vip + config.hostLabels),
  finding: list(config.hostLabels + ['interface', 'address', 'domain']),
  name: list(config.fleetLabels + ['domain', 'port', 'protocol']),
}
