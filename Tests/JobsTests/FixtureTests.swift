import Configuration
import Foundation
import HDF5
import Jobs
import StrictJSON
import TestSupport
import Testing

/// Small files of every layout, storage, mode and element type, with results computed by PyTorch in float64; see
/// tools/make_fixtures.py.
@Suite(.timeLimit(.minutes(30))) struct FixtureTests {
  @Test(arguments: Repository.fixtures)
  func agreesWithTheReference(name: String) throws {
    let folder = try TemporaryFolder()
    try expectReference(of: name, Repository.fixture(name), folder)
    #expect(try folder.names == ["output.h5"])
  }

  /// Before what is HDF5's there may be 512, 1024, 2048, … bytes of others, as MATLAB writes them: places are counted from the file's beginning.
  @Test(
    arguments: [
      "rank4.h5", "float64.h5", "big_float64.h5", "compact.h5", "gzip_shuffle.h5", "newest_format.h5",
    ],
    [512, 4096])
  func agreesWithTheReferenceBehindAUserBlock(name: String, byteCount: Int) throws {
    let folder = try TemporaryFolder()
    let block = Data(repeating: UInt8(ascii: "M"), count: byteCount)
    let bytes = try Data(contentsOf: URL(fileURLWithPath: Repository.fixture(name)))
    try (block + bytes).write(to: URL(fileURLWithPath: folder.path("in.h5")))
    try expectReference(of: name, folder.path("in.h5"), folder)
  }

  /// Runs a fixture, or another file with the same contents, and compares every result.
  private func expectReference(of name: String, _ path: String, _ folder: TemporaryFolder) throws {
    let input = try File(reading: path)
    let json = try #require(try input.root.readString(attribute: "configuration"))
    let output = folder.path("output.h5")
    try run(input.path, to: output, JobConfiguration(json: json, source: name))

    let expected = try StoredTensor.all(in: input.root.group("expected"))
    let actual = try StoredTensor.all(in: File(reading: output).root)
    // What the running statistics become of a batch with one value, no framework says.
    let unspecified = name == "single_value.h5" ? ["layer/running_mean", "layer/running_var"] : []
    #expect(actual.keys.sorted() == (expected.keys + unspecified).sorted())
    for (path, expected) in expected.sorted(by: { $0.key < $1.key }) {
      guard let actual = actual[path] else { continue }
      expect(actual, agreesWith: expected, path)
    }
  }

  /// What was never written is counted of each tensor by itself, in whole chunks of four samples and in one that reaches beyond the end.
  @Test(arguments: [(14, 4), (4, 14), (8, 0), (0, 12), (14, 14)])
  func whatWasNeverWrittenIsCounted(activations: Int, gradients: Int) throws {
    let folder = try TemporaryFolder()
    let file = try File(anew: folder.path("in.h5"))
    let layer = try file.root.createGroup("layer")
    for (name, written) in [("activations", activations), ("grad_output", gradients)] {
      let dataset = try layer.createDataset(
        name, type: .float32, shape: [14, 3], storage: .chunked(shape: [4, 3], filters: []))
      let values = (0..<3 * written).map { Float($0 * $0 % 7) }
      try values.withUnsafeBytes { try dataset.write(leading: 0..<written, as: .float32, from: $0) }
      try dataset.close()
    }
    try file.close()
    let summary = try run(folder.path("in.h5"), to: folder.path("out.h5"), JobConfiguration())
    #expect(summary.layers.map(\.neverWrittenSamples) == [14 - activations])
    #expect(summary.layers.map(\.neverWrittenGradients) == [14 - gradients])
  }

  /// Where a row of chunks has several, samples count of which one is missing, and no others: here the second four of them, and the last two.
  @Test(arguments: [[], [.deflate(level: 1)]] as [[FilterRequest]])
  func whatOneOfSeveralChunksLacksIsCounted(filters: [FilterRequest]) throws {
    let folder = try TemporaryFolder()
    let file = try File(anew: folder.path("in.h5"))
    let dataset = try file.root.createGroup("layer").createDataset(
      "activations", type: .float32, shape: [14, 3], storage: .chunked(shape: [4, 2], filters: filters))
    let numbers: [Float] = [1, 2, 3, 5, 8, 13, 21, 34]
    let places: [[Int]] = [[0, 0], [0, 2], [4, 0], [8, 0], [8, 2], [12, 2]]
    for place in places {
      // Its mask says that no filter was applied.
      try numbers.withUnsafeBytes {
        try dataset.writeChunk(at: place, filterMask: filters.isEmpty ? 0 : 1, from: $0)
      }
    }
    try dataset.close()
    try file.close()
    let summary = try run(folder.path("in.h5"), to: folder.path("out.h5"), JobConfiguration())
    #expect(summary.layers.map(\.neverWrittenSamples) == [6])
  }

  @Test func thereAreFixtures() { #expect(Repository.fixtures.count > 70) }
}

/// Records an issue if a result is not what it should be.
func expect(
  _ actual: StoredTensor, agreesWith expected: StoredTensor, _ path: String,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  guard actual.shape == expected.shape else {
    Issue.record("\(path): \(actual.shape) is not \(expected.shape)", sourceLocation: sourceLocation)
    return
  }
  // Variances lose no digits to cancellation, so each has to be exact even where the next feature's is far larger.
  let isRelative = path.hasSuffix("var") || path.hasSuffix("inv_std")
  let comparison = Comparison(actual.values, expected.values, isRelative: isRelative)
  if let index = comparison.firstMismatch {
    Issue.record(
      "\(path)[\(index)] is \(actual.values[index]), not \(expected.values[index])",
      sourceLocation: sourceLocation)
  }
  let index = comparison.index
  #expect(
    comparison.error <= Tolerance.of(path, actual.type),
    "\(path)[\(index)] is \(actual.values[index]), not \(expected.values[index])",
    sourceLocation: sourceLocation)
}
