import Configuration
import HDF5
import StrictJSON
import TestSupport
import Testing

/// Data that nobody here made up.
@Suite(.timeLimit(.minutes(30))) struct RealDataTests {
  /// Mean to 14 digits, variance to 12, against exact rational arithmetic on the stored numbers; see tools/make_nist.py.
  @Test func univariateSetsOfNIST() throws {
    let folder = try TemporaryFolder()
    let output = folder.path("output.h5")
    try run(Repository.fixture("nist.h5"), to: output, JobConfiguration())
    let (sets, results) = (
      try File(reading: Repository.fixture("nist.h5")).root, try File(reading: output).root
    )
    let names = try sets.links().map(\.name)
    #expect(names.count == 9)
    for name in names {
      let set = try sets.group(name)
      let mean = try #require(try set.readDouble(attribute: "exact_mean"))
      let variance = try #require(try set.readDouble(attribute: "exact_variance"))
      for (path, exact, tolerance) in [
        ("batches/mean", mean, 1e-14), ("population_mean", mean, 1e-14),
        ("batches/var", variance, 1e-12), ("population_var", variance, 1e-12),
      ] {
        let value = try results.dataset("\(name)/\(path)").readDoubles()[0]
        #expect(abs(value - exact) <= tolerance * abs(exact), "\(name)/\(path) is \(value), not \(exact)")
      }
    }
  }

  /// Two layers of a network that reads handwritten digits, against PyTorch's float64; see tools/make_digits_sample.py.
  @Test func layersOfANetwork() throws {
    let folder = try TemporaryFolder()
    let output = folder.path("output.h5")
    let input = Repository.url.appending(path: "tools/samples/digits.h5").path
    let summary = try run(input, to: output, JobConfiguration())
    #expect(summary.layers.map(\.path) == ["/features/bn", "/head/bn"])

    let expected = try StoredTensor.all(in: File(reading: input).root.group("expected"))
    let actual = try StoredTensor.all(in: File(reading: output).root)
    #expect(expected.count >= 10)
    for (path, expected) in expected {
      guard path.split(separator: "/").last != "normalized" else { continue }
      expect(try #require(actual[path]), agreesWith: expected, path)
    }
  }
}
