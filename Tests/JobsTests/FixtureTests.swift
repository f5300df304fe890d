import Configuration
import HDF5
import StrictJSON
import TestSupport
import Testing

/// Small files of every layout, storage, mode and element type, with results computed by PyTorch in float64; see
/// tools/make_fixtures.py.
@Suite(.timeLimit(.minutes(30))) struct FixtureTests {
  @Test(arguments: Repository.fixtures)
  func agreesWithTheReference(name: String) throws {
    let folder = try TemporaryFolder()
    let input = try File(reading: Repository.fixture(name))
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
    #expect(try folder.names == ["output.h5"])
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
