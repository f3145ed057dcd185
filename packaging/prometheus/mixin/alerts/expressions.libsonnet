// Named parts of expressions. c: see words.libsonnet.
{
  // Hosts that show an audit now. One that is down, or has just started, does not.
  reporting(c):: 'lowatch_last_audit_timestamp_seconds{%(selector)s}' % c,

  // VIPs that a host reported in its last scrape, a moment ago.
  // said: ' == 0' for those that it served; '' for all that it held.
  silentHosts(c, said):: |||
    count by (%(vip)s) (
      lo_orphan_vip{%(selector)s} offset %(silentHostGrace)s%(said)s
      unless on (%(host)s)
      %(reporting)s
    )
  ||| % (c { said: said, reporting: $.reporting(c) }),

  // A failure to observe clears nothing: an alert that fires goes on firing while its host is still
  // a target, but shows no audit (it restarts, or is down: LowatchDown tells that).
  // own: the labels that the rule itself puts on the alert.
  untilSeenAgain(c, alert, own):: |||
    max without (%(own)s) (ALERTS{alertname="%(alert)s",alertstate="firing",%(selector)s})
    and on (%(host)s)
    up{%(selector)s}
    unless on (%(host)s)
    %(reporting)s
  ||| % (c {
           alert: alert,
           own: std.join(', ', ['alertname', 'alertstate'] + own + std.objectFields(c.alertLabels)),
           reporting: $.reporting(c),
         }),
}
