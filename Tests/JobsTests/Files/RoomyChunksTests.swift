import CHDF5
import Configuration
import TestSupport
import Testing

@testable import HDF5

/// Chunks of a dataset that can grow may be larger than it is: of what lies beyond its end nothing is read.
@Suite(.timeLimit(.minutes(30))) struct RoomyChunksTests {
  /// Adds a dataset of [6, 5] that can grow along both axes.
  private func addGrowing(
    _ name: String, to group: Group, _ values: [Double], chunk: [UInt64], isCompressed: Bool
  ) throws {
    let shape: [UInt64] = [6, 5]
    let most: [UInt64] = [.max, .max]
    let space = try Handle(.dataspace, "H5Screate_simple", to: "test") { H5Screate_simple(2, shape, most) }
    let type = try Handle(.datatype, "H5Tcopy", to: "test") { H5Tcopy(chdf5_float_type(8, 0)) }
    let properties = try Handle(.propertyList, "H5Pcreate", to: "test") {
      H5Pcreate(chdf5_dataset_creation())
    }
    #expect(H5Pset_chunk(properties.identifier, 2, chunk) >= 0)
    if isCompressed { #expect(H5Pset_deflate(properties.identifier, 1) >= 0) }
    let dataset = H5Dcreate2(
      group.object.identifier, name, type.identifier, space.identifier, 0, properties.identifier, 0)
    #expect(H5Dwrite(dataset, chdf5_float_type(8, 0), 0, 0, 0, values) >= 0)
    #expect(H5Dclose(dataset) >= 0)
  }

  /// More features than there are, more samples, both, and so many that a second chunk begins.
  @Test(arguments: [[3, 8], [8, 5], [8, 8], [4, 7], [4, 3]] as [[UInt64]], [false, true])
  func areReadAsFarAsTheDatasetGoes(chunk: [UInt64], isCompressed: Bool) throws {
    let folder = try TemporaryFolder()
    let values = (0..<30).map { Double($0 * $0 % 23) }
    let file = try File(anew: folder.path("in.h5"))
    let (roomy, plain) = (try file.root.createGroup("roomy"), try file.root.createGroup("plain"))
    for (name, numbers) in [("activations", values), ("grad_output", Array(values.reversed()))] {
      try addGrowing(name, to: roomy, numbers, chunk: chunk, isCompressed: isCompressed)
      try plain.createDataset(name, type: .float64, shape: [6, 5], storage: .contiguous).writeDoubles(numbers)
    }
    try file.close()
    let configuration = try JobConfiguration(json: #"{"batch_size": 2, "sync": false}"#, source: "test")
    try run(folder.path("in.h5"), to: folder.path("out.h5"), configuration)
    let root = try File(reading: folder.path("out.h5")).root
    try expectEqualBytes(root.group("roomy"), root.group("plain"))
    let means = try root.dataset("roomy/population_mean").readDoubles()
    #expect(means.count == 5)
    for (feature, mean) in means.enumerated() {
      let sum = (0..<6).reduce(0.0) { $0 + values[5 * $1 + feature] }
      #expect(abs(mean - sum / 6) < 1e-12, "feature \(feature)")
    }
  }
}
