#if os(Linux)
  import Foundation
  import HDF5
  import Testing
  import TestSupport

  /// Writes that succeed and fail only on closing, as with a full disk. In processes of their own, because the limit for
  /// the size of files is the process's; that they end normally shows that `exit()` survives a failed close.
  @Suite(.timeLimit(.minutes(30))) struct FailingWriteTests {
    /// From now on no file grows beyond this; writing more gives EFBIG.
    static func limitFileSize(_ byteCount: Int) {
      signal(SIGXFSZ, SIG_IGN)
      var limit = rlimit(rlim_cur: rlim_t(byteCount), rlim_max: rlim_t(byteCount))
      setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
    }

    /// A file of at most 4096 bytes with a dataset of 8000, which the library still holds.
    static func write(_ folder: TemporaryFolder, dataset use: (Dataset) throws -> Void) throws -> File {
      limitFileSize(4096)
      let file = try File(creating: folder.path())
      let dataset = try file.root.createDataset(
        "x", type: .float64, shape: [1000], storage: .chunked(shape: [1000], filters: []))
      try dataset.writeDoubles([Double](repeating: 1, count: 1000))
      try use(dataset)
      return file
    }

    @Test func theFileRemembersADatasetThatFailedUnseen() async {
      await #expect(processExitsWith: .success) {
        let folder = try TemporaryFolder()
        let file = try Self.write(folder) { _ in }
        let error = try #require(throws: HDF5Error.self) { try file.close() }
        #expect(error.attempt == "close /x")
        #expect(error.osErrno == EFBIG)
        try file.close()
      }
    }

    @Test func theFileRemembersADatasetThatFailedBefore() async {
      await #expect(processExitsWith: .success) {
        let folder = try TemporaryFolder()
        let file = try Self.write(folder) { dataset in
          #expect(throws: HDF5Error.self) { try dataset.close() }
          try dataset.close()
        }
        #expect(throws: HDF5Error.self) { try file.flush() }
        #expect(throws: HDF5Error.self) { try file.close() }
      }
    }

    @Test func flushingFails() async {
      await #expect(processExitsWith: .success) {
        let folder = try TemporaryFolder()
        var kept: Dataset?
        let file = try Self.write(folder) { kept = $0 }
        let error = try #require(throws: HDF5Error.self) { try file.flush() }
        #expect(error.cause == "file write failed: File too large")
        #expect(throws: HDF5Error.self) { try file.close() }
        #expect(kept?.shape == [1000])
      }
    }

    @Test func closingFailsForMetadataAlone() async {
      await #expect(processExitsWith: .success) {
        Self.limitFileSize(4096)
        let folder = try TemporaryFolder()
        let file = try File(creating: folder.path())
        for index in 0..<200 { _ = try file.root.createGroup("group\(index)") }
        let error = try #require(throws: HDF5Error.self) { try file.close() }
        #expect(error.osErrno == EFBIG)
        try file.close()
        let other = try File(creating: folder.path("other.h5"))
        try other.close()
      }
    }
  }
#endif
