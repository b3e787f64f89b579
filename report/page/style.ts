/** The page's one style sheet: system fonts, light and dark by the reader's setting, one column on a phone. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --ground: #f6f7f9; --sheet: #ffffff; --ink: #16202c; --soft: #5a6675; --line: #dfe4ea;
  --bad: #c42b1c; --bad-soft: #fdecea; --warn: #9a5b00; --warn-soft: #fff4e0; --good: #1b7a3d; --good-soft: #e6f5eb;
  --normal: #9db2c9; --link: #1f5fbf; --code: #eef1f5;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #0f141a; --sheet: #171e27; --ink: #e4eaf1; --soft: #93a1b2; --line: #2a3440;
    --bad: #ff7b6b; --bad-soft: #34191a; --warn: #f2b45a; --warn-soft: #33260f; --good: #63c889; --good-soft: #12291b;
    --normal: #44586f; --link: #7fb0ff; --code: #202a36;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 64rem; margin: 0 auto; padding: 1.25rem 1rem 3rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .4rem; text-wrap: balance; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; margin: 0 0 .75rem; }
p { margin: 0 0 .6rem; max-width: 46rem; }
code, .name { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace; font-size: .92em;
  overflow-wrap: anywhere; }
.soft { color: var(--soft); }
.small { font-size: .87rem; }
.number { font-variant-numeric: tabular-nums; white-space: nowrap; text-align: right; }
section { background: var(--sheet); border: 1px solid var(--line); border-radius: .6rem; padding: 1rem 1.1rem; margin: 1rem 0; }
.banner { border-left: .45rem solid; }
.banner.bad { border-left-color: var(--bad); background: var(--bad-soft); }
.banner.warn { border-left-color: var(--warn); background: var(--warn-soft); }
.banner.good { border-left-color: var(--good); background: var(--good-soft); }
.verdict { display: inline-block; font-weight: 650; font-size: .8rem; letter-spacing: .06em; text-transform: uppercase;
  margin-bottom: .3rem; }
.banner.bad .verdict { color: var(--bad); }
.banner.warn .verdict { color: var(--warn); }
.banner.good .verdict { color: var(--good); }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .7rem 1.2rem; margin: 1rem 0 0; }
dt { color: var(--soft); font-size: .8rem; }
dd { margin: 0; overflow-wrap: anywhere; }
ol.suspects { list-style: none; margin: 0; padding: 0; }
ol.suspects > li { display: grid; grid-template-columns: 2.2rem 1fr; gap: 0 .4rem; padding: .8rem 0; border-top: 1px solid var(--line); }
ol.suspects > li:first-child { border-top: 0; padding-top: .2rem; }
.rank { font-size: 1.15rem; font-weight: 650; color: var(--soft); font-variant-numeric: tabular-nums; }
li:first-child > .rank { color: var(--bad); }
.suspect-name { font-size: 1.05rem; font-weight: 600; }
.tags { display: flex; flex-wrap: wrap; gap: .35rem; margin: .3rem 0; }
.tag { font-size: .78rem; padding: .08rem .5rem; border-radius: 1rem; background: var(--code); color: var(--soft); white-space: nowrap; }
.tag.high { background: var(--bad-soft); color: var(--bad); }
.tag.medium { background: var(--warn-soft); color: var(--warn); }
.wide { overflow-x: auto; margin: 0 -1.1rem; padding: 0 1.1rem; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th { text-align: left; font-weight: 600; color: var(--soft); font-size: .8rem; border-bottom: 1px solid var(--line);
  padding: .3rem .8rem .3rem 0; white-space: nowrap; vertical-align: bottom; }
th.number { text-align: right; }
td { padding: .4rem .8rem .4rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
tr:last-child td { border-bottom: 0; }
td.calls { min-width: 15rem; }
svg { display: block; width: 100%; font: 12px system-ui, sans-serif; }
svg.score { max-width: 24rem; height: .3rem; border-radius: .15rem; margin: .45rem 0; }
svg.timeline { min-width: 40rem; height: auto; }
svg .axis { stroke: var(--line); }
svg text { fill: var(--soft); }
svg text.thread { fill: var(--ink); }
svg .lane { fill: var(--code); }
svg .unit { fill: var(--normal); }
svg .abnormal { fill: var(--bad); }
svg .onset { stroke: var(--bad); stroke-width: 1.5; stroke-dasharray: 4 3; }
svg text.onset-label { fill: var(--bad); font-weight: 600; }
svg .rate { fill: var(--normal); }
svg .rate.changed { fill: var(--bad); }
svg text.figure { fill: var(--ink); font-size: 11px; }
svg .after { fill: var(--bad); opacity: .06; }
ol.path { list-style: none; margin: 0; padding: 0; }
ol.path > li { display: grid; grid-template-columns: 6.5rem 1fr; gap: 0 .8rem; padding: .45rem 0 .45rem .2rem; border-top: 1px solid var(--line); }
ol.path > li:first-child { border-top: 0; }
ol.path > li.at-onset { border-top: 2px solid var(--bad); }
.calls-list { display: flex; flex-wrap: wrap; gap: .25rem .35rem; align-items: center; }
.calls-list > details[open] { flex-basis: 100%; }
.call { background: var(--code); border-radius: .3rem; padding: 0 .4rem; }
.call.failing { background: var(--warn-soft); color: var(--warn); }
.loop { font-weight: 650; color: var(--bad); white-space: nowrap; }
ul.plain { margin: 0; padding-left: 1.1rem; }
ul.plain li { margin: .25rem 0; max-width: 46rem; }
details summary { cursor: pointer; color: var(--link); }
footer { color: var(--soft); font-size: .85rem; margin-top: 1.5rem; }
@media (max-width: 36rem) {
  main { padding: .75rem .6rem 2rem; }
  h1 { font-size: 1.3rem; }
  section { padding: .85rem .85rem; }
  .wide { margin: 0 -.85rem; padding: 0 .85rem; }
  ol.path > li { grid-template-columns: 1fr; }
}
@media print { body { background: #fff; } section { break-inside: avoid; } }
`;
