// How a page looks: one sheet for light and dark, screen and paper, wide and narrow. Tiers differ in lightness as well as
// in hue, and states are hatched, so that nothing hangs on colour alone.

export const STYLE = `
:root{color-scheme:light dark;--bg:#fff;--fg:#1a1d21;--soft:#5a626d;--line:#d9dde3;--card:#f5f6f8;--link:#0b57a4;
--spot:#3b9ec9;--od:#e08a1e;--res:#7a68b8;--alloc:#4c9f70;--queue:#c2413b;--total:#1a1d21;--range:#1a1d2130;--veil:#ffffffb0;
--good:#1d6b3a;--bad:#a3241f;--p0:#0b6aa8;--p1:#c25e00;--p2:#2e7d4f;--p3:#8b4fa8;--p4:#7a5c1e;--p5:#b0305c}
@media (prefers-color-scheme:dark){:root{--bg:#14171b;--fg:#e8eaed;--soft:#a3abb6;--line:#343a42;--card:#1d2127;--link:#7db8f0;
--spot:#3f93bb;--od:#d98a2b;--res:#9384d6;--alloc:#4f9b70;--queue:#e2625b;--total:#f1f3f5;--range:#ffffff33;--veil:#14171bb0;
--good:#7fd19b;--bad:#f29a94;--p0:#5db0ea;--p1:#f0a050;--p2:#74c796;--p3:#c79be0;--p4:#d3b36a;--p5:#ef86a8}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--fg);font:15px/1.5 system-ui,sans-serif}
main,header,footer{max-width:1180px;margin:0 auto;padding:0 20px}
header{padding-top:24px}
h1{font-size:1.6rem;line-height:1.25;margin:0 0 4px;overflow-wrap:anywhere}
h2{font-size:1.2rem;margin:36px 0 8px}
h3{font-size:1rem;margin:24px 0 6px}
p{margin:6px 0;max-width:80ch}
a{color:var(--link)}
.soft,.note,small{color:var(--soft)}
.note{font-size:.9rem}
li,p,summary,caption{overflow-wrap:anywhere}td,th{overflow-wrap:break-word}th[scope=row]{min-width:170px}
.list td:nth-child(4){width:56%}.note,.whynow{max-width:none}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:10px;padding:0;margin:18px 0;list-style:none}
.tiles li{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:10px 14px}
.tiles b{display:block;font-size:1.35rem;line-height:1.3;font-variant-numeric:tabular-nums}
.tiles span{color:var(--soft);font-size:.85rem}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--soft);padding:4px 0;font-size:.9rem}
th,td{text-align:left;vertical-align:top;padding:6px 12px 6px 0;border-top:1px solid var(--line)}
thead th{border-top:0;color:var(--soft);font-weight:600;font-size:.85rem}
th[scope=row]{font-weight:600}
th small,td small{display:block;font-weight:400;font-size:.83rem;line-height:1.4}
.num{text-align:right;white-space:nowrap}
th.num{text-align:right}
tr.group th{padding-top:18px;border-top:0;color:var(--soft);font-size:.85rem;font-weight:600}
.unknown{color:var(--soft);font-style:italic}
.good{color:var(--good)}.bad{color:var(--bad)}
.score td.num{min-width:88px}
.scores{columns:2 440px;column-gap:48px}.scores table{break-inside:avoid;margin-bottom:16px}
.scores caption{font-weight:600}th.name{white-space:normal;max-width:220px}
details.run>summary{cursor:pointer;font-weight:600;padding:8px 0;border-top:1px solid var(--line)}
.js details.run>summary{display:none}
.bar{display:none;gap:6px;align-items:center;flex-wrap:wrap;padding:8px 0;position:sticky;top:0;background:var(--bg);z-index:2;border-bottom:1px solid var(--line)}
.js .bar{display:flex}
.bar .when{margin-left:auto;color:var(--soft);font-size:.9rem;font-variant-numeric:tabular-nums}
button,select,input[type=search]{font:inherit;font-size:.9rem;color:inherit;background:var(--card);border:1px solid var(--line);border-radius:6px;padding:3px 10px;min-height:30px}
button[aria-pressed=true]{background:var(--fg);color:var(--bg)}
button:disabled{opacity:.45}
:focus-visible{outline:2px solid var(--link);outline-offset:2px}
.js-only{display:none}.js .js-only{display:flex}
.pick{align-items:center;gap:8px;flex-wrap:wrap;margin:8px 0}
figure{margin:14px 0 0}
figcaption{display:flex;gap:2px 16px;flex-wrap:wrap;align-items:baseline;font-size:.88rem;padding-left:52px}
.key{white-space:nowrap}.key .at{color:var(--soft);font-variant-numeric:tabular-nums}
.swatch{width:14px;height:10px;margin-right:5px}
.frame{display:grid;grid-template-columns:52px 1fr;grid-template-rows:var(--h) 20px;padding-top:6px}
.y,.x{position:relative;font-size:.75rem;color:var(--soft);font-variant-numeric:tabular-nums}
.y span{position:absolute;right:8px;transform:translateY(50%);line-height:1}
.x{grid-column:2}
.x span{position:absolute;top:3px;transform:translateX(-50%);white-space:nowrap}
.x span.first{transform:none}.x span.last{transform:translateX(-100%)}
.area{position:relative;min-width:0;touch-action:pan-y;border-bottom:1px solid var(--line)}
.js .area{cursor:crosshair}
.area svg{position:absolute;inset:0;width:100%;height:100%;overflow:hidden;display:block}
.cursor,.drag{position:absolute;top:0;bottom:0;pointer-events:none}
.cursor{width:1px;background:var(--fg);opacity:.55}
.drag{background:var(--link);opacity:.2}
svg path{vector-effect:non-scaling-stroke}
.grid{stroke:var(--line);fill:none;stroke-width:1}
.veil{fill:var(--veil)}
.line{fill:none;stroke-width:1.5}
.fill{stroke:none}
.fill.spot{fill:var(--spot)}.fill.on-demand{fill:var(--od)}.fill.reserved{fill:var(--res)}.fill.cost{fill:var(--spot)}
.fill.allocated{fill:var(--alloc);fill-opacity:.75}.fill.queued{fill:var(--queue)}
.fill.range{fill:var(--range)}
.line.total{stroke:var(--total);stroke-width:1.25}
.fill.provisioned{fill:var(--soft);fill-opacity:.38}
.line.forecast-mid,.line.forecast-high{stroke-width:1.1}.line.forecast-mid{stroke:var(--res);stroke-dasharray:6 3}.line.forecast-high{stroke:var(--res);stroke-dasharray:2 3}
.hatch.booting{fill:url(#hatch-booting)}.hatch.draining{fill:url(#hatch-draining)}
.swatch .hatch.booting{fill:url(#key-booting)}.swatch .hatch.draining{fill:url(#key-draining)}
.line.mark-grow{stroke:var(--alloc)}.line.mark-shrink{stroke:var(--spot)}.line.mark-notice{stroke:var(--od)}
.line.mark-lost{stroke:var(--queue)}.line.mark-failed{stroke:var(--res)}.line.mark-refused{stroke:var(--soft)}
.fill.range.p0{fill:var(--p0)}.fill.range.p1{fill:var(--p1)}.fill.range.p2{fill:var(--p2)}.fill.range.p3{fill:var(--p3)}.fill.range.p4{fill:var(--p4)}.fill.range.p5{fill:var(--p5)}
.fill.range[class*=" p"]{fill-opacity:.18}
.line.part{stroke:var(--fg);stroke-dasharray:3 3}
.line.p0{stroke:var(--p0)}.line.p1{stroke:var(--p1);stroke-dasharray:7 3}.line.p2{stroke:var(--p2);stroke-dasharray:2 2}
.line.p3{stroke:var(--p3);stroke-dasharray:9 3 2 3}.line.p4{stroke:var(--p4);stroke-dasharray:4 4}.line.p5{stroke:var(--p5);stroke-dasharray:1 3}
#hatches{position:absolute;width:0;height:0}
#hatches path{stroke:var(--total);stroke-width:2;fill:none;vector-effect:none}
.whynow{min-height:3.2em;margin:4px 0 0;padding:6px 10px 6px 52px;font-size:.88rem;display:none}
.js .whynow{display:block}
.list{max-height:520px;overflow:auto;border:1px solid var(--line);border-radius:8px;margin-top:8px}
.list table{font-size:.88rem}.list td,.list th{padding:5px 10px}
.list thead th{position:sticky;top:0;background:var(--card)}
.list td:first-child{white-space:nowrap}
.kind{font-weight:600;white-space:nowrap}
.part{border-left:3px solid var(--line);padding:2px 0 2px 14px;margin:14px 0}
.part dl{display:grid;grid-template-columns:minmax(90px,max-content) 1fr;gap:4px 14px;margin:4px 0}
.part dt{font-weight:600;overflow-wrap:anywhere}.part dd{margin:0}
.sr{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
footer{padding:28px 20px 40px;color:var(--soft);font-size:.85rem}
[hidden]{display:none!important}
@media (max-width:640px){main,header,footer{padding-left:14px;padding-right:14px}
.frame{grid-template-columns:42px 1fr}th[scope=row]{min-width:132px}figcaption,.whynow{padding-left:0}.list td:first-child{white-space:normal}
.part dl{grid-template-columns:1fr;gap:0}.part dd{margin-bottom:8px}.tiles{grid-template-columns:repeat(2,1fr)}
.list thead{display:none}.list tr{display:block;border-top:1px solid var(--line);padding:4px 0}.list td{display:block;border:0;padding:1px 10px}}
@media print{.bar,.js-only,.whynow,.js .js-only,.js .bar,.js .whynow{display:none!important}.list{max-height:none;overflow:visible;border:0}
figure,tr,.part{break-inside:avoid}body{font-size:11px}.fill,.hatch,.line{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
@media (prefers-reduced-motion:no-preference){html{scroll-behavior:smooth}}
`;
