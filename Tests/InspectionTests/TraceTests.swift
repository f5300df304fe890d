import BatchNormReference
import Configuration
import Foundation
import HDF5
import Jobs
import LayerFiles
import StrictJSON
import TestSupport
import Testing

@testable import Inspection
@testable import bn_stream

@Suite("trace", .timeLimit(.minutes(30)))
struct TraceTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// x = 1, 3, 5, 7 has mean 4 and variance 5; with ε = 4 the root is 3. γ = 6, β = 10.
  private func tiny() throws -> JobPlan {
    var configuration = JobConfiguration()
    configuration.epsilon = Epsilon(4)
    return try Repository.plan(
      folder.file(
        "tiny.h5",
        [
          "bn/activations": .init(shape: [4, 1], values: [1, 3, 5, 7]),
          "bn/grad_output": .init(shape: [4, 1], values: [9, 0, 0, 18]),
          "bn/gamma": .init(shape: [1], values: [6]), "bn/beta": .init(shape: [1], values: [10]),
        ]), configuration)
  }

  /// All nodes of `tiny`, computed by hand.
  static let byHand: [NodeName: [Double]] = [
    .x: [1, 3, 5, 7], .gamma: [6], .beta: [10], .epsilon: [4], .dout: [9, 0, 0, 18],
    .mu: [4], .xmu: [-3, -1, 1, 3], .sq: [9, 1, 1, 9], .variance: [5], .sqrtvar: [3], .ivar: [1.0 / 3],
    .xhat: [-1, -1.0 / 3, 1.0 / 3, 1], .gammax: [-6, -2, 2, 6], .out: [4, 8, 12, 16],
    .dbeta: [27], .dgammax: [9, 0, 0, 18], .dgamma: [9], .dxhat: [54, 0, 0, 108], .divar: [162],
    .dxmu1: [18, 0, 0, 36], .dsqrtvar: [-18], .dvar: [-3], .dsq: [-0.75, -0.75, -0.75, -0.75],
    .dxmu2: [4.5, 1.5, -1.5, -4.5], .dx1: [22.5, 1.5, -1.5, 31.5], .dmu: [-54],
    .dx2: [-13.5, -13.5, -13.5, -13.5], .dx: [9, -12, -15, 18],
  ]

  @Test("every node of a batch that can be computed by hand")
  func byHand() throws {
    let plan = try tiny()
    let output = folder.path("trace.h5")
    try TraceFile(plan).write(to: output, batch: 0) { _ in }
    let group = try File(reading: output).root.group("bn")
    #expect(Self.byHand.count == NodeName.allCases.count)
    for (node, expected) in Self.byHand {
      let folder = node.definition.phase == .input ? "inputs" : node.definition.phase.rawValue
      let dataset = try group.dataset("\(folder)/\(node.datasetName)")
      let values = try dataset.readDoubles()
      #expect(values.count == expected.count)
      for (value, expected) in zip(values, expected) {
        #expect(abs(value - expected) <= 4 * expected.ulp, "\(node.rawValue)")
      }
      #expect(try dataset.readInteger(attribute: "step") == node.step)
      #expect(try dataset.readString(attribute: "formula") == node.formula)
      #expect(try dataset.readString(attribute: "latex") == node.latex)
      #expect(try dataset.readStrings(attribute: "inputs") == node.inputs.map(\.rawValue))
    }
    #expect(try group.group("forward").links().map(\.name).first == "1_mu")
    #expect(try group.group("backward").links().map(\.name).first == "0_dx")
    #expect(try group.readString(attribute: "mode") == "batch")
  }

  @Test("matrices have the shape of the activations, and what is not there is not written")
  func shapes() throws {
    let plan = try Repository.plan(fixture: "forward_only.h5")
    let output = folder.path("trace.h5")
    var traces: [LayerTrace] = []
    try TraceFile(plan).write(to: output, batch: 0) { traces.append($0) }
    let layer = try #require(plan.layers.first)
    let group = try File(reading: output).root.group(String(layer.path.dropFirst()))
    let samples = layer.batches[0].count
    #expect(
      try group.dataset("forward/2_xmu").shape == [samples] + layer.activations.shape.dropFirst())
    #expect(try group.dataset("forward/1_mu").shape == [layer.featureCount])
    #expect(try group.dataset("inputs/epsilon").shape == [])
    #expect(try !group.hasLink("backward"))
    #expect(TraceText(traces[0]).text.contains("no grad_output, so forward only"))
  }

  /// Each layer's values lie at 1 and 3 on both sides of its mean.
  @Test("layers that share a group each have a group of their own in it")
  func sharedGroups() throws {
    let means: [(name: String, mean: Double)] = [
      ("block/bn1", 4), ("block/bn2", 9), ("block/inner/bn3", 15), ("bn4", 5),
    ]
    var datasets: [String: TemporaryFolder.Stored] = [:]
    for (name, mean) in means {
      let values = [-3.0, -1, 1, 3].map { $0 + mean }
      datasets["\(name)/activations"] = .init(shape: [4, 1], values: values)
    }
    let plan = try Repository.plan(folder.file("in.h5", datasets))
    let output = folder.path("trace.h5")
    var paths: [String] = []
    try TraceFile(plan).write(to: output, batch: 0) { paths.append($0.path) }
    #expect(Set(paths) == Set(means.map { "/\($0.name)" }) && paths.count == 4)
    let root = try File(reading: output).root
    for (name, mean) in means {
      #expect(try root.dataset("\(name)/forward/1_mu").readDoubles() == [mean], "\(name)")
    }
  }

  @Test("with gamma and beta of the identity, out is x")
  func identity() throws {
    var configuration = JobConfiguration()
    configuration.parameters = .identity
    let plan = try Repository.plan(Repository.digits, configuration)
    let trace = try plan.trace(plan.layers[1], batch: 2)
    try #require(trace.trace.forward.out.values.count == trace.trace.inputs.x.values.count)
    for (out, x) in zip(trace.trace.forward.out.values, trace.trace.inputs.x.values) {
      #expect(abs(out - x) < 1e-15)
    }
  }

  @Test("a batch that is not there")
  func noSuchBatch() throws {
    let plan = try tiny()
    let output = folder.path("trace.h5")
    let error = #expect(throws: InspectionError.self) {
      try TraceFile(plan).write(to: output, batch: 1) { _ in }
    }
    #expect(
      error?.description
        == "\(plan.job.input): /bn has no batch 1; --batch takes 0...0, or choose another --batch-size")
    #expect(try folder.names == ["tiny.h5"])
  }

  @Test("a graph that exceeds the memory limit")
  func memory() throws {
    var configuration = JobConfiguration()
    configuration.memory = ByteCount(20 << 20)
    let input = try folder.file(
      "in.h5", ["activations": .init(shape: [200_000, 1], values: Array(repeating: 1, count: 200_000))])
    // The last one of two batches, and all samples.
    for (size, batch, samples) in [(BatchSize.samples(101_000), 1, 99_000), (.all, 0, 200_000)] {
      configuration.batchSize = size
      let plan = try Repository.plan(input, configuration)
      let error = #expect(throws: StreamError.self) { try plan.trace(plan.layers[0], batch: batch) }
      #expect(error?.exitStatus == .badConfiguration)
      #expect(
        error?.description.contains("the graph of batch \(batch) (\(samples) samples") == true,
        "\(error?.description ?? "")")
    }
  }

  @Test("equal traces give equal bytes")
  func sameBytes() throws {
    let plan = try tiny()
    for name in ["a.h5", "b.h5"] { try TraceFile(plan).write(to: folder.path(name), batch: 0) { _ in } }
    let bytes = try ["a.h5", "b.h5"].map { try Data(contentsOf: URL(fileURLWithPath: folder.path($0))) }
    #expect(bytes[0] == bytes[1])
  }

  @Test("the heading says which statistics there are, and how many values do not count")
  func headings() throws {
    var detached = JobConfiguration()
    detached.gradient = .detached
    var running = JobConfiguration()
    running.statistics = .running
    // Counted in the file by NumPy: 25 of the mask's 78 positions are 0.
    for (fixture, configuration, words) in [
      (
        "mask_positions.h5", JobConfiguration(),
        "m = 53, C = 3, the batch's own statistics, 25 values of each feature masked"
      ),
      ("rank2.h5", detached, "C = 5, the batch's own statistics, constants in the gradient"),
      ("statistics_running.h5", running, ", the running statistics"),
    ] {
      let plan = try Repository.plan(Repository.fixture(fixture), configuration)
      let text = TraceText(try plan.trace(plan.layers[0], batch: 0)).text
      let heading = try #require(text.split(separator: "\n").first)
      #expect(heading.hasSuffix(words), "\(heading)")
    }
  }

  @Test("one value that does not count is one")
  func oneMaskedValue() throws {
    let input = try folder.file(
      "masked.h5",
      [
        "bn/activations": .init(shape: [4, 1], values: [1, 3, 5, 7]),
        "bn/mask": .init(shape: [4], values: [1, 0, 1, 1]),
      ])
    let plan = try Repository.plan(input)
    let text = TraceText(try plan.trace(plan.layers[0], batch: 0)).text
    #expect(
      text.hasPrefix(
        "/bn: batch 0, samples 0..<4, m = 3, C = 1, the batch's own statistics, 1 value of each feature masked, "
          + "no grad_output, so forward only\n"), "\(text)")
  }

  @Test("the whole table")
  func table() throws {
    let plan = try tiny()
    #expect(
      TraceText(try plan.trace(plan.layers[0], batch: 0)).text == """
        /bn: batch 0, samples 0..<4, m = 4, C = 1, the batch's own statistics
        step  node      shape   formula                                                from            least    greatest
              x         [4, 1]  activations                                                            1        7
              gamma     [1]     scale parameter                                                        6        6
              beta      [1]     shift parameter                                                        10       10
              epsilon   []      constant that keeps the root from zero                                 4        4
              dout      [4, 1]  upstream gradient dL/dout                                              0        18
        1     mu        [1]     (1/m) Σ x                                              x               4        4
        2     xmu       [4, 1]  x - mu                                                 x, mu           -3       3
        3     sq        [4, 1]  xmu²                                                   xmu             1        9
        4     var       [1]     (1/m) Σ sq                                             sq              5        5
        5     sqrtvar   [1]     √(var + epsilon)                                       var, epsilon    3        3
        6     ivar      [1]     1 / sqrtvar, or 0 where sqrtvar = 0                    sqrtvar         0.33333  0.33333
        7     xhat      [4, 1]  xmu · ivar                                             xmu, ivar       -1       1
        8     gammax    [4, 1]  gamma · xhat                                           gamma, xhat     -6       6
        9     out       [4, 1]  gammax + beta                                          gammax, beta    4        16
        9     dbeta     [1]     Σ dout                                                 dout            27       27
        9     dgammax   [4, 1]  dout                                                   dout            0        18
        8     dgamma    [1]     Σ dgammax · xhat                                       dgammax, xhat   9        9
        8     dxhat     [4, 1]  dgammax · gamma                                        dgammax, gamma  0        108
        7     divar     [1]     Σ dxhat · xmu                                          dxhat, xmu      162      162
        7     dxmu1     [4, 1]  dxhat · ivar                                           dxhat, ivar     0        36
        6     dsqrtvar  [1]     -divar / sqrtvar² = -divar · ivar²                     divar, ivar     -18      -18
        5     dvar      [1]     ½ · dsqrtvar / √(var + epsilon) = ½ · dsqrtvar · ivar  dsqrtvar, ivar  -3       -3
        4     dsq       [4, 1]  (1/m) · 1 · dvar                                       dvar            -0.75    -0.75
        3     dxmu2     [4, 1]  2 · xmu · dsq                                          xmu, dsq        -4.5     4.5
        2     dx1       [4, 1]  dxmu1 + dxmu2                                          dxmu1, dxmu2    -1.5     31.5
        2     dmu       [1]     -Σ (dxmu1 + dxmu2)                                     dxmu1, dxmu2    -54      -54
        1     dx2       [4, 1]  (1/m) · 1 · dmu                                        dmu             -13.5    -13.5
        0     dx        [4, 1]  dx1 + dx2                                              dx1, dx2        -15      18
        """)
  }

  @Test("the drawing has every node once and every edge")
  func drawing() throws {
    let plan = try tiny()
    let lines = GraphDrawing(try plan.trace(plan.layers[0], batch: 0)).text.split(separator: "\n")
    #expect(lines.first == "digraph \"/bn\" {" && lines.last == "}")
    for node in NodeName.allCases {
      #expect(lines.count { $0.hasPrefix("    \"\(node.rawValue)\" [label=") } == 1)
      for input in node.inputs { #expect(lines.contains("  \"\(input.rawValue)\" -> \"\(node.rawValue)\";")) }
    }
    #expect(lines.count { $0.contains(" -> ") } == NodeName.allCases.reduce(0) { $0 + $1.inputs.count })
    #expect(lines.contains("    \"xmu\" [label=\"2. xmu [4, 1]\\nxmu = x - mu\"];"))
  }

  @Test("the drawing has three boxes, and each node is in that of its phase")
  func boxes() throws {
    let plan = try tiny()
    let lines = GraphDrawing(try plan.trace(plan.layers[0], batch: 0)).text.split(separator: "\n")
    var boxes: [[String]] = []
    for line in lines {
      if let title = line.firstMatch(of: /^ {4}label="([a-z]+)";/) { boxes.append([String(title.1)]) }
      if let node = line.firstMatch(of: /^ {4}"([a-z0-9]+)" \[label=/) {
        try #require(!boxes.isEmpty)
        boxes[boxes.count - 1].append(String(node.1))
      }
    }
    let expected: [[String]] = [
      ["given", "x", "gamma", "beta", "epsilon", "dout"],
      ["forward", "mu", "xmu", "sq", "var", "sqrtvar", "ivar", "xhat", "gammax", "out"],
      [
        "backward", "dbeta", "dgammax", "dgamma", "dxhat", "divar", "dxmu1", "dsqrtvar", "dvar", "dsq",
        "dxmu2", "dx1", "dmu", "dx2", "dx",
      ],
    ]
    #expect(boxes == expected)
    // What is given has no step, and is computed from nothing.
    #expect(lines.contains(#"    "gamma" [label="gamma [1]\nscale parameter"];"#))
    #expect(lines.contains(#"    "dx" [label="0. dx [4, 1]\ndx = dx1 + dx2"];"#))
  }

  @Test("without a gradient the drawing has no box for what goes backward")
  func boxesOfTheForwardPass() throws {
    let plan = try Repository.plan(
      folder.file("in.h5", ["bn/activations": .init(shape: [4, 1], values: [1, 3, 5, 7])]))
    let text = GraphDrawing(try plan.trace(plan.layers[0], batch: 0)).text
    #expect(text.components(separatedBy: "  subgraph ").count == 3)
    #expect(text.contains("label=\"given\";") && text.contains("label=\"forward\";"))
    #expect(!text.contains("backward"), "\(text)")
  }

  /// Mean 4 and variance 5 are the batch's, 0 and 1 are given, and one of four values does not count.
  @Test("where statistics are given the file says so, and the numbers say how many values count")
  func runningStatistics() throws {
    let input = try folder.file(
      "in.h5",
      [
        "bn/activations": .init(shape: [4, 1], values: [1, 3, 5, 7]),
        "bn/running_mean": .init(shape: [1], values: [0]), "bn/running_var": .init(shape: [1], values: [1]),
        "bn/mask": .init(shape: [4], values: [1, 1, 0, 1], type: .int8),
      ])
    let plan = try Repository.plan(input, json: #"{"statistics": "running", "epsilon": 0}"#)
    var texts: [String] = []
    try TraceFile(plan).write(to: folder.path("trace.h5"), batch: 0) { texts.append(TraceNumbers($0).text) }
    let group = try File(reading: folder.path("trace.h5")).root.group("bn")
    #expect(try group.readString(attribute: "mode") == "running")
    #expect(try group.dataset("forward/7_xhat").readDoubles() == [1, 3, 5, 7])
    #expect(texts.count == 1 && texts[0].hasPrefix("/bn: batch 0, m = 3, C = 1\n"), "\(texts)")
  }

  /// In the language of Graphviz a quote in a string has a backslash before it, and so has a backslash.
  @Test(
    "the drawing's name is the layer's, whatever is in it",
    arguments: [
      (#"a\b"#, #""/a\\b""#), (#"a"b"#, #""/a\"b""#), (#"a\"#, #""/a\\""#), (#"a\"b"#, #""/a\\\"b""#),
      ("a\nb", #""/a\nb""#),
      ("a\rb", #""/a\nb""#), ("a\u{B}b", #""/a\nb""#), ("a\u{85}b", #""/a\nb""#), ("a\u{2028}b", #""/a\nb""#),
      ("a\u{2029}b", #""/a\nb""#), ("café{}<>|", #""/café{}<>|""#),
      // An accent over a quote, which ends the string all the same.
      ("a\"\u{301}b", "\"/a\\\"\u{301}b\""),
    ])
  func drawingOfAnyName(name: String, quoted: String) throws {
    let plan = try Repository.plan(
      folder.file("in.h5", ["\(name)/activations": .init(shape: [4, 1], values: [1, 3, 5, 7])]))
    let text = GraphDrawing(try plan.trace(plan.layers[0], batch: 0)).text
    #expect(text.split(separator: "\n").first == "digraph \(quoted) {")
  }
}
