import Configuration
import HDF5
import TestSupport
import Testing

/// Every NaN among statistics has the same bits, whatever NaN the input holds: processors do not agree on them.
@Suite(.timeLimit(.minutes(30))) struct NaNBitsTests {
  /// Of three features the second has a NaN among x and the third among dy, with a sign and bits of its own.
  @Test func areThoseOfThePositiveQuietOne() throws {
    let folder = try TemporaryFolder()
    let odd = Double(bitPattern: 0xFFF8_0000_0000_0123)
    let file = try File(anew: folder.path("in.h5"))
    let layer = try file.root.createGroup("layer")
    try layer.createDataset("activations", type: .float64, shape: [4, 3], storage: .contiguous)
      .writeDoubles([1, odd, 7, 2, 3, 1, 5, 4, 2, 8, 6, 3])
    try layer.createDataset("grad_output", type: .float64, shape: [4, 3], storage: .contiguous)
      .writeDoubles([1, -1, 2, 3, 0, odd, 4, 1, 6, -2, 2, 5])
    try file.close()
    let configuration = try JobConfiguration(
      json: #"""
        {"batch_size": "all", "nonfinite": "count", "sync": false,
         "outputs": ["grad_gamma", "grad_beta", "batches", "running", "population"]}
        """#, source: "test")
    try run(folder.path("in.h5"), to: folder.path("out.h5"), configuration)
    let results = try File(reading: folder.path("out.h5")).root.group("layer")
    // The features that have none but NaN to give.
    let expected: [(name: String, features: [Int])] = [
      ("batches/mean", [1]), ("batches/var", [1]), ("batches/inv_std", [1]), ("batches/grad_gamma", [1, 2]),
      ("batches/grad_beta", [2]), ("grad_gamma", [1, 2]), ("grad_beta", [2]), ("running_mean", [1]),
      ("running_var", [1]), ("population_mean", [1]), ("population_var", [1]),
    ]
    for (name, features) in expected {
      let numbers = try results.dataset(name).readDoubles()
      #expect(numbers.count == 3 && numbers[0].isFinite, "\(name)")
      for feature in features {
        let bits = numbers[feature].bitPattern
        #expect(bits == 0x7FF8_0000_0000_0000, "\(name) \(feature): \(String(bits, radix: 16))")
      }
    }
  }
}
