import Configuration
import Foundation
import HDF5
import LayerFiles
import Parallel
import TestSupport
import Testing

@testable import Jobs

/// How far earlier runs got, of layers that are not alike, and which layers are damaged: from records that are made here.
@Suite(.timeLimit(.minutes(30))) struct EarlierWorkTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// A plan of float32 layers, in batches of 8.
  private func plan(_ layers: [(name: String, shape: [Int], hasGradient: Bool)]) throws -> JobPlan {
    let file = try File(anew: folder.path("in.h5"))
    for layer in layers {
      let group = try file.root.createGroup(layer.name)
      for name in layer.hasGradient ? ["activations", "grad_output"] : ["activations"] {
        let count = layer.shape.reduce(1, *)
        try group.createDataset(name, type: .float32, shape: layer.shape, storage: .contiguous)
          .writeDoubles((0..<count).map { Double($0 * $0 % 89) })
      }
    }
    try file.close()
    let configuration = try JobConfiguration(json: #"{"batch_size": 8}"#, source: "test")
    return try JobPlan(
      Job(
        input: folder.path("in.h5"), output: nil, configuration: configuration, replacesOutput: false))
  }

  /// What a run finds that goes on with records of all features of some layers, each of which is whole or not.
  private func work(
    _ plan: JobPlan, _ positions: [(layer: Int, position: SlicePosition)], areWhole: Bool
  ) throws -> EarlierWork {
    let output = try OutputFile(
      path: folder.path("out.h5"), inputs: [], replaces: false, byteCount: 0, synchronizes: false)
    defer { output.giveUp() }
    let journal = Journal(
      output, nil, job: { Array("{}".utf8) }, beginning: [1], interval: .seconds(3600), synchronizes: false,
      clock: StageClock())
    for (layer, position) in positions {
      let record = SliceRecord(
        layer: layer, features: 0..<plan.layers[layer].featureCount, position: position, isFinished: false,
        overflows: 0, fold: [], parts: [], chunks: [])
      try journal.add(record.bytes)
    }
    try journal.flush()
    let ledger = try WorkspaceContents(folder: folder.path("out.h5.partial"))?.ledger()
    let records = try #require(ledger)
    return try EarlierWork(records, plan.layers) { _ in
    } checks: { _ in
      areWhole
    }
  }

  /// 20 samples of 6 features with gradients are 960 bytes, and 48 of 10 without are 1920: a third of the work, and two.
  @Test(arguments: [(0, 1.0 / 3), (1, 2.0 / 3)] as [(Int, Double)])
  func layersCountByTheirBytes(finished: Int, share: Double) throws {
    let layers = try plan([("first", [20, 6], true), ("second", [48, 10], false)]).layers
    var work = EarlierWork()
    #expect(work.share(of: layers) == 0)
    let batches = finished == 0 ? 0..<3 : 0..<6
    work.add(
      ShardRecord(finished, 0..<layers[finished].featureCount, .batches(batches, results: [])),
      of: layers[finished])
    #expect(abs(work.share(ofLayer: finished, layers[finished]) - 1) < 1e-12)
    #expect(abs(work.share(of: layers) - share) < 1e-12)
  }

  /// Of a batch that is under way counts what is written: of 20 samples the 8 before it, and 3 of its own.
  @Test func samplesOfABatchThatIsUnderWayCount() throws {
    let plan = try plan([("first", [20, 6], true)])
    for (within, share) in [(.nothing, 0.4), (.written(samples: 3, result: [7]), 0.55)]
      as [(SlicePosition.Within, Double)]
    {
      let work = try work(plan, [(0, SlicePosition(batch: 1, within: within))], areWhole: true)
      #expect(abs(work.share(ofLayer: 0, plan.layers[0]) - share) < 1e-12)
      #expect(Continuation(work, plan, folder: "f").damaged == [])
    }
  }

  /// Those that are computed again are named in the layers' order, whichever was recorded first.
  @Test func damagedLayersAreInOrder() throws {
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"]
    let plan = try plan(names.map { ($0, [20, 2], false) })
    let work = try work(
      plan, [5, 2, 7, 0, 4, 1, 6].map { ($0, SlicePosition(batch: 2)) }, areWhole: false)
    let continuation = Continuation(work, plan, folder: "f")
    #expect(continuation.damaged == ["/a", "/b", "/c", "/e", "/f", "/g", "/h"])
    #expect(continuation.share == 0 && continuation.folder == "f")
  }
}
