import HDF5
import TestSupport
import Testing

@testable import LayerFiles

/// What a file claims to hold lies in it, to its last byte.
@Suite(.timeLimit(.minutes(30))) struct StorageCheckTests {
  /// A file that is one byte shorter than where the data ends is refused before anything is read, and one that ends there is not.
  @Test(arguments: [0, 1, 7, 48]) func contiguousDataEndsInTheFile(lacking: Int) throws {
    let folder = try TemporaryFolder()
    let file = try File(anew: folder.path())
    try file.root.createDataset("activations", type: .float64, shape: [3, 2], storage: .contiguous)
      .writeDoubles([1, 2, 3, 4, 5, 6])
    try file.close()
    let dataset = try File(reading: folder.path()).root.dataset("activations")
    guard case .contiguous(let offset?) = dataset.storage else {
      Issue.record("contiguous data has a place")
      return
    }
    let size = Int(offset) + 48 - lacking
    let result = Result { try StorageCheck(file: "in.h5", fileSize: size).check(dataset) }
    if lacking == 0 {
      #expect(throws: Never.self) { try result.get() }
    } else {
      #expect(
        throws: StreamError.largerThanFile(
          file: "in.h5", dataset: "/activations", shape: [3, 2], byteCount: 48, fileSize: size)
      ) { try result.get() }
    }
  }
}
