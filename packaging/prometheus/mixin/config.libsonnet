// What a site may want to change, each by itself: (import 'mixin.libsonnet') + { _config+:: { ... } }
{
  _config+:: {
    // Which targets are lowatch's. With `absent()` only an equality names the job in the alert.
    lowatchSelector: 'job="lowatch"',

    // What tells one host from another, and one fleet from another.
    hostLabels: ['job', 'instance'],
    fleetLabels: ['job'],

    // Where docs/alerts.md can be read: '#' and the alert's name in lower case are appended. This is a
    // placeholder: publish the page (the Debian package has it in /usr/share/doc/lowatch/) where those
    // who are paged can open it from a chat window, and name that place.
    runbookUrl: 'https://runbooks.example.com/lowatch/alerts.md',

    // Put on every alert, beside severity: { team: 'network' }.
    alertLabels: {},

    // How long it must last before it fires. A finding has been held by lowatch itself (`hold`).
    orphanVipFor: '30s',
    vipServedNowhereFor: '1m',
    vipWithdrawnFor: '2m',
    vipUnreferencedFor: '15m',
    findingFor: '0s',
    downFor: '5m',
    auditMissingFor: '10m',
    auditIncompleteFor: '15m',
    domainsUnknownFor: '15m',
    dnsFailingFor: '10m',
    dnsLateFor: '30m',
    netlinkOverrunFor: '15m',
    reloadFailedFor: '5m',
    reloadPendingFor: '1h',
    seriesDroppedFor: '5m',
    loopHeldFor: '15m',

    // lowatch looks at everything every 30 s, whatever happens: twice that is odd, six times is stuck.
    auditStaleAfter: '3m',

    // A host that shows no audit (it restarts, or cannot be reached) is believed what it said last, of
    // the VIPs that it serves, for so long.
    silentHostGrace: '5m',

    // A VIP that was served within this time, and that nobody holds any more, was withdrawn.
    vipWithdrawnWindow: '1h',

    // Of the DNS queries of each host, how many may fail (0 to 1); how late lookups may be (seconds).
    dnsFailingRatio: 0.5,
    dnsLateSeconds: 10,

    // How often in 10 min the daemon's event loop may be held for longer than half a second.
    loopHeldTimes: 10,

    // Limits at which something only waits, or is asked for again: reaching them is part of a normal day.
    losslessLimits: [
      'dns_lookups',
      'dns_in_flight',
      'dns_answers_kept',
      'dns_denials_kept',
      'kernel_answers_kept',
      'probes',
      'web_kept_bytes',
      'getaddrinfo_threads',
      'dns_full_bytes',
      'dns_full_records',
      'watched_files',
    ],

    dashboardUid: 'lowatch',
    dashboardTags: ['lowatch'],
    dashboardRefresh: '30s',
  },
}
