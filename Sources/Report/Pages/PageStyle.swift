/// How pages look, on a screen of any width, in light and dark, and on paper.
enum PageStyle {
  static let text = """
    :root{--back:#fff;--ink:#1a1c20;--soft:#555b66;--rule:#d5d9e0;--panel:#f5f6f8;--link:#0b57b0;
    --fail:#b3261e;--warn:#8a5300;--pass:#1f6b35;--unknown:#555b66;--failb:#fbe9e7;--warnb:#fdf1dc;--passb:#e6f4ea;--unknownb:#eceef2;
    --a:#1f6fb4;--b:#b3541e;--p:#1f6b35;--r:#8e3fb0;
    --m4:#08457e;--m3:#2f7fc1;--m2:#8dbbe2;--m1:#cfe1f2;--z:#eef0f3;--p1:#f8dccb;--p2:#eea681;--p3:#d0602f;--p4:#8a2d09;--x:#d1007f}
    @media screen and (prefers-color-scheme:dark){:root{--back:#14161a;--ink:#e6e8ec;--soft:#a7adb8;--rule:#3a3f49;--panel:#1d2026;--link:#8ab8f0;
    --fail:#ff9a90;--warn:#f2bd66;--pass:#86d59c;--unknown:#a7adb8;--failb:#43201d;--warnb:#3a2d13;--passb:#17331f;--unknownb:#2a2e36;
    --a:#6fb1ee;--b:#f0965c;--p:#86d59c;--r:#d39af0;
    --m4:#9fd0ff;--m3:#5a9fdc;--m2:#2f6699;--m1:#24425e;--z:#262a31;--p1:#5a3826;--p2:#96532f;--p3:#e07f48;--p4:#ffb58a;--x:#ff5cb8}}
    *{box-sizing:border-box}
    body{margin:0 auto;max-width:74rem;padding:1rem;background:var(--back);color:var(--ink);font:16px/1.45 system-ui,sans-serif;overflow-wrap:anywhere}
    h1{font-size:1.5rem;margin:.2rem 0}h2{font-size:1.25rem;margin:1.6rem 0 .5rem}h3{font-size:1.05rem;margin:0 0 .3rem}
    h4{font-size:.95rem;margin:.9rem 0 .2rem}
    p{margin:.35rem 0}a{color:var(--link)}.soft{color:var(--soft)}.small{font-size:.85rem}
    .chip{display:inline-block;padding:0 .55em;border-radius:.6em;font-weight:600;font-size:.85em;white-space:nowrap}
    .fail{color:var(--fail);background:var(--failb)}.warn{color:var(--warn);background:var(--warnb)}
    .pass{color:var(--pass);background:var(--passb)}.unknown{color:var(--unknown);background:var(--unknownb)}
    .told{list-style:none;margin:0;padding:0}.told>li{border-left:5px solid var(--rule);background:var(--panel);padding:.5rem .8rem;margin:.5rem 0}
    .told>li.f-fail{border-color:var(--fail)}.told>li.f-warn{border-color:var(--warn)}
    .grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,17rem),1fr));gap:.6rem 1rem}
    figure{margin:0;break-inside:avoid}figcaption{font-size:.85rem;color:var(--soft)}figcaption b{color:var(--ink)}
    svg{display:block;width:100%;max-width:26rem;height:auto}svg text{font:10.5px system-ui,sans-serif;fill:var(--soft)}
    .axis{stroke:var(--rule)}.line{fill:none;stroke-width:1.6;stroke-linecap:round;stroke-linejoin:round}.area{opacity:.28}
    .line.a{stroke:var(--a)}.area.a{fill:var(--a)}.line.b{stroke:var(--b)}.area.b{fill:var(--b)}
    .level{stroke-width:1.4}.level.p{stroke:var(--p)}.level.r{stroke:var(--r);stroke-dasharray:5 3}
    .band{opacity:.25}.band.p{fill:var(--p)}.level.z{stroke:var(--rule);stroke-dasharray:2 3}.nonfinite{stroke:var(--x);stroke-width:2.5}
    .v-fail{fill:var(--fail)}.v-warn{fill:var(--warn)}.v-pass{fill:var(--pass)}.v-unknown{fill:var(--unknown)}.strip svg{height:26px}
    .h0{fill:var(--z)}.hm1{fill:var(--m1)}.hm2{fill:var(--m2)}.hm3{fill:var(--m3)}.hm4{fill:var(--m4)}
    .hp1{fill:var(--p1)}.hp2{fill:var(--p2)}.hp3{fill:var(--p3)}.hp4{fill:var(--p4)}.hx{fill:var(--x)}
    .key{display:inline-block;width:1.1em;height:.75em;border-radius:2px;margin-right:.25em;vertical-align:-.05em}
    .key.a{background:var(--a)}.key.b{background:var(--b)}.key.p{background:var(--p)}.key.r{background:var(--r)}.key.x{background:var(--x)}
    .scale{display:inline-flex;vertical-align:middle}.scale i{width:1.3em;height:.8em;display:block}
    .scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.88rem;font-variant-numeric:tabular-nums}
    th,td{padding:.2rem .55rem;border-bottom:1px solid var(--rule);text-align:right;vertical-align:top;white-space:nowrap}
    th{font-weight:600;color:var(--soft)}th.t,td.t{text-align:left}td.w{white-space:normal;min-width:14rem}
    tbody th{color:var(--ink);max-width:22rem;white-space:normal;min-width:9rem}
    .layer{border-top:2px solid var(--rule);margin-top:1.4rem;padding-top:.9rem}ul.why{margin:.2rem 0;padding-left:1.2rem}
    :focus-visible{outline:3px solid var(--link);outline-offset:2px}
    @media not screen{body{max-width:none;padding:0;font-size:11px}.scroll{overflow:visible}table{font-size:.72em}th,td,tbody th,td.w{white-space:normal;min-width:0;padding:.1rem .2rem}.live{display:none}a{color:inherit;text-decoration:none}
    .layer,.told>li,tr{break-inside:avoid}}
    """

  /// The keys of the heat map's colours, from −3 standard deviations up.
  static let heatKeys = ["m4", "m3", "m2", "m1", "z", "p1", "p2", "p3", "p4"]
    .map { "<i style=\"background:var(--\($0))\"></i>" }.joined()
}
