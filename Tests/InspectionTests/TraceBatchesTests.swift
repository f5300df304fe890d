import BatchNormReference
import Configuration
import Foundation
import HDF5
import Jobs
import LayerFiles
import TestSupport
import Testing

@testable import Inspection

/// `trace` of every batch beside what PyTorch computed of it.
@Suite(.timeLimit(.minutes(30))) struct TraceBatchesTests {
  @Test(
    "the nodes that are results, of every batch of every fixture, in the files' own results",
    arguments: Repository.fixtures)
  func fixtures(name: String) throws {
    let plan = try Repository.plan(fixture: name)
    let root = try File(reading: Repository.fixture(name)).root
    for layer in plan.layers {
      let expected = try ExpectedNodes(root.group("expected" + layer.path), layer)
      for batch in 0..<layer.batches.count where !layer.batches[batch].isEmpty {
        let trace: LayerTrace
        do {
          trace = try plan.trace(layer, batch: batch)
        } catch InspectionError.nothingInBatch {
          #expect(layer.mask != nil, "\(name) \(layer.path), batch \(batch)")
          continue
        }
        #expect(trace.batch == batch && trace.samples == layer.batches[batch])
        for (node, values) in try expected.nodes(of: batch) {
          expectNear(
            trace.values(of: node), values, "\(name) \(layer.path), batch \(batch), \(node.rawValue)")
        }
      }
    }
  }

  @Test("x-hat is among what the fixtures have")
  func normalized() throws {
    let with = try Repository.fixtures.filter { name in
      let plan = try Repository.plan(fixture: name)
      let root = try File(reading: Repository.fixture(name)).root
      return try plan.layers.contains { try root.group("expected" + $0.path).hasLink("normalized") }
    }
    #expect(with.count >= 30)
  }

  @Test("memory is needed for the batch that is asked for, not for the largest")
  func memoryOfTheBatch() throws {
    let folder = try TemporaryFolder()
    let input = try folder.file(
      "in.h5",
      [
        "activations": .init(
          shape: [2000, 300], values: (0..<600_000).map { Double($0 % 97) }, type: .float32),
        "batch_offsets": .init(shape: [4], values: [0, 2, 1998, 2000], type: .int64),
      ])
    var configuration = JobConfiguration()
    configuration.memory = ByteCount(20 << 20)
    configuration.threads = ThreadCount(1)
    let plan = try Repository.plan(input, configuration)
    for batch in [0, 2] {
      #expect(try plan.trace(plan.layers[0], batch: batch).batch == batch)
    }
    #expect(throws: StreamError.self) { try plan.trace(plan.layers[0], batch: 1) }
  }

  /// A value takes 256 bytes, so that 81,920 take the 20 MiB that there are.
  @Test("a graph may take all the memory that there is, and no more")
  func memoryToTheLastByte() throws {
    let folder = try TemporaryFolder()
    let input = try folder.file(
      "in.h5",
      [
        "activations": .init(
          shape: [81_922, 1], values: (0..<81_922).map { Double($0 % 97) }, type: .float32)
      ])
    var configuration = JobConfiguration()
    configuration.memory = ByteCount(20 << 20)
    configuration.threads = ThreadCount(1)
    configuration.batchSize = BatchSize(samples: 81_920)
    let fitting = try Repository.plan(input, configuration)
    #expect(try fitting.trace(fitting.layers[0], batch: 0).samples == 0..<81_920)
    configuration.batchSize = .all
    let larger = try Repository.plan(folder.path("in.h5"), configuration)
    #expect(
      throws: StreamError.needsMemory(
        file: input, layer: "/", need: 20_972_032, limit: 20_971_520,
        what: .graph(batch: 0, samples: 81_922))
    ) { try larger.trace(larger.layers[0], batch: 0) }
  }

  @Test("an input that changes meanwhile gives no file")
  func changes() throws {
    let folder = try TemporaryFolder()
    let input = try folder.copy(Repository.digits)
    let plan = try Repository.plan(input)
    #expect(throws: StreamError.inputChanged(path: input)) {
      try TraceFile(plan).write(to: folder.path("trace.h5"), batch: 0) { _ in
        try? FileManager.default.changeTime(ofItemAtPath: input)
      }
    }
    #expect(!FileManager.default.fileExists(atPath: folder.path("trace.h5")))
  }

  @Test("the file says which samples a batch has", arguments: [(0, 0, 32), (1, 32, 32), (2, 64, 17)])
  func attributes(batch: Int, first: Int, samples: Int) throws {
    let folder = try TemporaryFolder()
    let plan = try Repository.plan(Repository.digits)
    try TraceFile(plan).write(to: folder.path("trace.h5"), batch: batch) { _ in }
    let root = try File(reading: folder.path("trace.h5")).root
    let x = try File(reading: Repository.digits).root.dataset("head/bn/activations").readDoubles()
    for path in ["features/bn", "head/bn"] {
      let group = try root.group(path)
      #expect(try group.readInteger(attribute: "batch") == batch)
      #expect(try group.readInteger(attribute: "first_sample") == first)
      #expect(try group.readInteger(attribute: "samples") == samples)
      #expect(try group.readInteger(attribute: "feature_axis") == 1)
    }
    #expect(
      try root.dataset("head/bn/inputs/x").readDoubles() == Array(x[24 * first..<24 * (first + samples)]))
  }

  @Test("the file says who wrote it, of which input, and what decides its numbers")
  func provenance() throws {
    let folder = try TemporaryFolder()
    let input = try folder.file(
      "in.h5", ["bn/activations": .init(shape: [4, 1], values: [1, 3, 5, 7])])
    let plan = try Repository.plan(input, json: #"{"epsilon": 0.25, "threads": 1}"#)
    try TraceFile(plan).write(to: folder.path("trace.h5"), batch: 0) { _ in }
    let root = try File(reading: folder.path("trace.h5")).root
    #expect(try root.readString(attribute: "program") == "bn-stream")
    #expect(try root.readString(attribute: "input_path") == input)
    let configuration = try #require(try root.readString(attribute: "configuration"))
    #expect(configuration.contains(#""epsilon":0.25"#) && !configuration.contains("threads"))
  }

  /// Of 1, 3, 5, 7 and 10, 30, 50, 70 the means are 4 and 40.
  @Test("with the features last the file says so, and has numbers in the order of the activations")
  func featuresLast() throws {
    let folder = try TemporaryFolder()
    let x: [Double] = [1, 10, 3, 30, 5, 50, 7, 70]
    let input = try folder.file("in.h5", ["bn/activations": .init(shape: [2, 2, 2], values: x)])
    let plan = try Repository.plan(input, json: #"{"feature_axis": -1}"#)
    try TraceFile(plan).write(to: folder.path("trace.h5"), batch: 0) { _ in }
    let group = try File(reading: folder.path("trace.h5")).root.group("bn")
    #expect(try group.readInteger(attribute: "feature_axis") == 2)
    #expect(try group.dataset("forward/1_mu").readDoubles() == [4, 40])
    let distances = try group.dataset("forward/2_xmu")
    #expect(distances.shape == [2, 2, 2])
    #expect(try distances.readDoubles() == [-3, -30, -1, -10, 1, 10, 3, 30])
  }

  private func expectNear(_ values: [Double], _ expected: [Double], _ what: String) {
    #expect(values.count == expected.count, "\(what)")
    let scale = expected.lazy.filter(\.isFinite).map(\.magnitude).max() ?? 0
    // PyTorch's float64 and ours round differently; what a feature's numbers are like is at most what the tensor's are.
    let wrong = zip(values, expected).first { value, expected in
      expected.isFinite ? !((value - expected).magnitude <= 1e-9 * max(scale, 1e-300)) : value.isFinite
    }
    if let wrong { Issue.record("\(what): \(wrong.0), not \(wrong.1)") }
  }
}

/// What a fixture's own results say of the nodes of a batch.
private struct ExpectedNodes {
  private let layer: Layer
  private let large: [NodeName: [Double]]
  private let rows: [NodeName: [Double]]

  init(_ group: Group, _ layer: Layer) throws {
    self.layer = layer
    func present(_ names: [(NodeName, String)]) throws -> [NodeName: [Double]] {
      var found: [NodeName: [Double]] = [:]
      for (node, path) in names {
        let folder = path.split(separator: "/").dropLast().first.map(String.init)
        if let folder, try !group.hasLink(folder) { continue }
        let parent = try folder.map { try group.group($0) } ?? group
        let name = path.split(separator: "/").last.map(String.init) ?? path
        if try parent.hasLink(name) { found[node] = try parent.dataset(name).readDoubles() }
      }
      return found
    }
    large = try present([(.out, "output"), (.xhat, "normalized"), (.dx, "grad_input")])
    rows = try present([
      (.mu, "batches/mean"), (.variance, "batches/var"), (.ivar, "batches/inv_std"),
      (.dgamma, "batches/grad_gamma"), (.dbeta, "batches/grad_beta"),
    ])
  }

  func nodes(of batch: Int) throws -> [NodeName: [Double]] {
    let (samples, count) = (layer.batches[batch], layer.layout.valuesPerSample)
    let features = layer.featureCount
    var nodes = large.mapValues { Array($0[samples.lowerBound * count..<samples.upperBound * count]) }
    let own = rows.mapValues { Array($0[batch * features..<(batch + 1) * features]) }
    nodes.merge(own) { first, _ in first }
    return nodes
  }
}
