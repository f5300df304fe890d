import CHDF5
import TestSupport
import Testing

@testable import HDF5

/// Whether the HDF5 library writes with szip, too: not every one does that reads it.
private func isSzipWritten() -> Bool {
  guard (try? HDF5Library.prepare()) != nil, H5Zfilter_avail(4) > 0 else { return false }
  var uses: UInt32 = 0
  return H5Zget_filter_info(4, &uses) >= 0 && uses & 1 != 0
}

/// Chunks that the library coded with szip are whole, whatever their numbers, and however their lines divide.
@Suite(.timeLimit(.minutes(30)), .enabled(if: isSzipWritten(), "the HDF5 library writes no szip"))
struct SzipTests {
  static let types = [
    NumericType.native(.uint8), .native(.int16), NumericType(kind: .int16, byteOrder: .big), .native(.int32),
    .float32, .float64,
  ]

  /// Lines of 1024 numbers, of which the last one is not full; of 20, which blocks of eight do not divide; of 8; and of all numbers of a chunk.
  /// Entropy coding (4) and nearest neighbours (32), as it is asked for with `H5Pset_szip`, which adds 129.
  @Test(arguments: types, [4, 32] as [UInt32])
  func chunksAreRead(type: NumericType, coding: UInt32) throws {
    for chunk in [[500, 3], [30, 20], [64, 8], [7, 5]] {
      let folder = try TemporaryFolder()
      let file = try File(creating: folder.path())
      let shape = [2 * chunk[0], chunk[1]]
      let dataset = try file.root.createDataset(
        "x", type: type, shape: shape,
        storage: .chunked(shape: chunk, filters: [.registered(4, parameters: [coding | 129, 8])]))
      let numbers = (0..<shape[0] * shape[1]).map { Double($0 / 7 % 5) }
      try dataset.writeDoubles(numbers)
      try dataset.close()
      try file.close()
      let read = try File(reading: folder.path()).root.dataset("x")
      let chunkByteCount = chunk[0] * chunk[1] * type.byteCount
      #expect(try read.chunkStorageSize(at: [0, 0]) < chunkByteCount, "\(chunk): it is coded")
      #expect(try read.readDoubles() == numbers, "\(chunk)")
    }
  }
}
