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

  /// What comes of a dataset of bytes in chunks, in a file that is said to have some size.
  /// - Parameter isWritten: true to write the first row.
  private func check(
    rows: Int, of length: Int, chunk: Int, isWritten: Bool, fileSize: Int
  ) throws -> Result<Void, any Error> {
    let folder = try TemporaryFolder()
    let file = try File(anew: folder.path())
    let dataset = try file.root.createDataset(
      "activations", type: .native(.uint8), shape: [rows, length],
      storage: .chunked(shape: [chunk, length], filters: [.deflate(level: 1)]))
    if isWritten {
      let row = [UInt8](repeating: 0, count: length)
      try row.withUnsafeBytes { try dataset.write(leading: 0..<1, as: .native(.uint8), from: $0) }
    }
    try dataset.close()
    try file.close()
    let found = try File(reading: folder.path()).root.dataset("activations")
    return Result { try StorageCheck(file: "in.h5", fileSize: fileSize).check(found) }
  }

  /// What was never written may be 1 GiB, or as much as the file has.
  @Test(
    arguments: [
      (1_048_576, 1, true), (1_048_577, 1, false), (2_097_152, 2_147_483_648, true),
      (2_097_153, 2_147_483_648, false),
    ] as [(Int, Int, Bool)])
  func whatWasNeverWrittenHasALimit(rows: Int, fileSize: Int, isAllowed: Bool) throws {
    let result = try check(rows: rows, of: 1024, chunk: 1024, isWritten: false, fileSize: fileSize)
    if isAllowed {
      #expect(throws: Never.self) { try result.get() }
    } else {
      #expect(
        throws: StreamError.largerThanFile(
          file: "in.h5", dataset: "/activations", shape: [rows, 1024], byteCount: rows * 1024,
          fileSize: fileSize)
      ) { try result.get() }
    }
  }

  /// Deflate makes data 1032 times smaller at most: what claims to have been larger is damaged, in files of more than 1 MiB.
  @Test(
    arguments: [(1032, 1, true), (1033, 1, false), (2064, 2_097_152, true), (2065, 2_097_152, false)]
      as [(Int, Int, Bool)])
  func compressedDataIsNoMoreThanItCanBe(rows: Int, fileSize: Int, isAllowed: Bool) throws {
    let length = 1_048_576
    let result = try check(rows: rows, of: length, chunk: 1, isWritten: true, fileSize: fileSize)
    if isAllowed {
      #expect(throws: Never.self) { try result.get() }
    } else {
      #expect(
        throws: StreamError.largerThanFile(
          file: "in.h5", dataset: "/activations", shape: [rows, length], byteCount: rows * length,
          fileSize: fileSize)
      ) { try result.get() }
    }
  }
}
