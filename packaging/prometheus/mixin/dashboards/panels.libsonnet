// The few kinds of panel the dashboard is made of, in Grafana's own JSON (schema version 38, Grafana 10).
local datasource = { type: 'prometheus', uid: '${datasource}' };
local refId(index) = std.char(std.codepoint('A') + index);

local panel(type, title, description, targets, extra) = {
  type: type,
  title: title,
  description: description,
  datasource: datasource,
  targets: [
    targets[index] { refId: refId(index), datasource: datasource }
    for index in std.range(0, std.length(targets) - 1)
  ],
  // Replaced by `laid`; what a panel wants.
  width:: 8,
  height:: 8,
} + extra;

{
  datasource:: datasource,

  // A query over time, and one of what is so now.
  series(expr, legend):: { expr: expr, legendFormat: legend, range: true, instant: false },
  now(expr, format='time_series'):: {
    expr: expr,
    format: format,
    range: false,
    instant: true,
    legendFormat: '__auto',
  },

  // good: green below `bad`, else the colour.
  stat(title, description, expr, unit='none', bad=1, colour='red', noValue='none'):: panel(
    'stat', title, description, [self.now(expr)], {
      width:: 3,
      height:: 4,
      fieldConfig: {
        defaults: {
          unit: unit,
          decimals: 0,
          noValue: noValue,
          color: { mode: 'thresholds' },
          thresholds: {
            mode: 'absolute',
            steps: [{ color: 'green', value: null }] +
                   (if bad == null then [] else [{ color: colour, value: bad }]),
          },
        },
        overrides: [],
      },
      options: {
        colorMode: 'value',
        graphMode: 'none',
        justifyMode: 'auto',
        textMode: 'value',
        reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
      },
    }
  ),

  timeseries(title, description, targets, unit, stacked=false, width=8):: panel(
    'timeseries', title, description, targets, {
      width:: width,
      fieldConfig: {
        defaults: {
          unit: unit,
          min: 0,
          custom: {
            drawStyle: 'line',
            lineWidth: 1,
            fillOpacity: if stacked then 40 else 0,
            showPoints: 'never',
            spanNulls: false,
            stacking: { mode: if stacked then 'normal' else 'none', group: 'A' },
          },
        },
        overrides: [],
      },
      options: {
        legend: { displayMode: 'list', placement: 'bottom', showLegend: true, calcs: [] },
        tooltip: { mode: 'multi', sort: 'desc' },
      },
    }
  ),

  // states: value -> { text, color }.
  timeline(title, description, targets, states, width=24):: panel(
    'state-timeline', title, description, targets, {
      width:: width,
      fieldConfig: {
        defaults: {
          unit: 'none',
          noValue: 'none in this time',
          custom: { fillOpacity: 70, lineWidth: 0 },
          mappings: [{ type: 'value', options: states }],
        },
        overrides: [],
      },
      options: { mergeValues: true, showValue: 'never', rowHeight: 0.8, legend: { showLegend: false } },
    }
  ),

  // columns: field -> { rename?, unit?, colours? (thresholds) }; hidden: fields that are not shown.
  table(title, description, exprs, columns, order, hidden=[], sort='', descending=false, width=12):: panel(
    'table', title, description, [self.now(expr, 'table') for expr in exprs], {
      width:: width,
      fieldConfig: {
        defaults: { unit: 'none', noValue: 'none', custom: { align: 'left', filterable: true } },
        overrides: [
          {
            matcher: { id: 'byName', options: columns[field].name },
            properties: std.prune([
              if 'unit' in columns[field] then { id: 'unit', value: columns[field].unit },
              if 'steps' in columns[field] then {
                id: 'thresholds',
                value: { mode: 'absolute', steps: columns[field].steps },
              },
              if 'steps' in columns[field] then {
                id: 'custom.cellOptions',
                value: { type: 'color-text' },
              },
            ]),
          }
          for field in std.objectFields(columns)
          if 'unit' in columns[field] || 'steps' in columns[field]
        ],
      },
      options: {
        showHeader: true,
        cellHeight: 'sm',
        sortBy: if sort == '' then [] else [{ displayName: sort, desc: descending }],
      },
      transformations: [
        { id: 'merge', options: {} },
        {
          id: 'organize',
          options: {
            excludeByName: { [field]: true for field in ['Time'] + hidden },
            indexByName: { [order[index]]: index for index in std.range(0, std.length(order) - 1) },
            renameByName: { [field]: columns[field].name for field in std.objectFields(columns) },
          },
        },
      ],
    }
  ),

  // rows: [{ title, panels }]. Panels flow from left to right, a new line where they do not fit.
  laid(rows)::
    local step(state, one) =
      local fits = state.x + one.width <= 24;
      local x = if fits then state.x else 0;
      local y = if fits then state.y else state.y + state.height;
      {
        x: x + one.width,
        y: y,
        height: if fits then std.max(state.height, one.height) else one.height,
        panels: state.panels + [one {
          id: std.length(state.panels) + 1,
          gridPos: { x: x, y: y, w: one.width, h: one.height },
        }],
      };
    local row(state, one) =
      local header = { type: 'row', title: one.title, collapsed: false, panels: [], width:: 24, height:: 1 };
      std.foldl(step, [header] + one.panels, state { x: 24 });
    std.foldl(row, rows, { x: 24, y: 0, height: 0, panels: [] }).panels,
}
