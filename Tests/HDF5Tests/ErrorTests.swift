import Foundation
import HDF5
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(30))) struct ErrorTests {
  @Test func aMissingFileIsNamedWithItsErrorNumber() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("missing.h5")
    let error = try #require(throws: HDF5Error.self) { try File(reading: path) }
    #expect(error.function == "H5Fopen")
    #expect(error.attempt == "open \(path)")
    #expect(error.osErrno == ENOENT)
    #expect(error.cause == "unable to open file: No such file or directory")
    #expect(error.stack.first?.function == "H5Fopen")
    #expect(error.stack.last?.function == "H5FD__sec2_open")
    #expect(error.stack.count >= 3)
    #expect(error.stack.allSatisfy { $0.line > 0 && !$0.description.isEmpty })
    #expect(
      error.description == "cannot open \(path): unable to open file: No such file or directory (H5Fopen)")
  }

  @Test func everyThreadHasItsOwnStack() async throws {
    let folder = try TemporaryFolder()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for index in 0..<32 {
        let path = folder.path("missing\(index).h5")
        group.addTask {
          let error = #expect(throws: HDF5Error.self) { try File(reading: path) }
          #expect(error?.stack.last?.detail.contains(path) == true)
        }
      }
      try await group.waitForAll()
    }
  }

  @Test func aFileThatIsNoHDF5IsAnError() throws {
    let folder = try TemporaryFolder()
    for (name, content) in [
      ("empty", ""), ("text", "not an HDF5 file"), ("signature", "\u{89}HDF\r\n\u{1a}\n"),
    ] {
      try Data(content.unicodeScalars.map { UInt8($0.value) }).write(to: folder.url.appending(path: name))
      #expect(throws: HDF5Error.self, "\(name)") { try File(reading: folder.path(name)) }
    }
    #expect(throws: HDF5Error.self) { try File(reading: folder.url.path) }
    #expect(throws: HDF5Error.self) { try File(reading: folder.path("a\0b")) }
  }

  /// Cut anywhere, a file is refused on opening or on reading; nothing crashes.
  @Test func aTruncatedFileIsAnError() throws {
    let folder = try TemporaryFolder()
    let file = try File(creating: folder.path())
    try file.root.createDataset(
      "x", type: .float32, shape: [100], storage: .chunked(shape: [10], filters: [.deflate(level: 1)])
    ).writeDoubles((0..<100).map { Double($0) })
    try file.close()
    let bytes = try folder.bytes()
    for length in stride(from: 0, to: bytes.count, by: 41) {
      try bytes.prefix(length).write(to: folder.url.appending(path: "cut.h5"))
      let error = #expect(throws: HDF5Error.self, "\(length)") {
        try File(reading: folder.path("cut.h5")).root.dataset("x").readDoubles()
      }
      #expect(error?.cause != nil)
    }
    let error = try #require(throws: HDF5Error.self) { try File(reading: folder.path("cut.h5")) }
    #expect(error.cause?.hasPrefix("truncated file") == true)
  }

  /// The innermost record of the system's error tells most, wherever it stands; of none the innermost of all.
  @Test func theSystemsErrorIsTheCause() {
    func frame(_ function: String, _ detail: String) -> HDF5Error.Frame {
      HDF5Error.Frame(function: function, description: "", detail: detail, line: 1)
    }
    let system = frame(
      "H5FD__sec2_write",
      "file write failed: time = Fri, filename = 'errno = 2', errno = 28, error message = 'No space left on device', buf = 0x1"
    )
    let (outer, inner) = (frame("H5Dwrite", "can't write data"), frame("H5X", "unable to flush"))
    for stack in [[outer, system, inner], [system, inner], [outer, inner, system]] {
      let error = HDF5Error(function: "H5Dwrite", attempt: "write", stack: stack)
      #expect(error.osErrno == 28)
      #expect(error.cause == "file write failed: No space left on device")
    }
    let without = HDF5Error(function: "H5Dwrite", attempt: "write", stack: [outer, inner])
    #expect(without.osErrno == nil && without.cause == "unable to flush")
  }

  /// Whatever the library says, and also where it says no more than what its numbers mean.
  @Test func aCauseIsOneLine() {
    func cause(_ detail: String) -> String? {
      let frame = HDF5Error.Frame(
        function: "H5D__read", description: "Dataset; Read failed", detail: detail, line: 1)
      return HDF5Error(function: "H5Dread", attempt: "read", stack: [frame]).cause
    }
    #expect(cause("first\nsecond\r\nthird") == "first second third")
    #expect(cause("") == "Dataset; Read failed")
  }

  /// An error without a word of the library is a whole sentence, too.
  @Test func anErrorWithoutACauseSaysSo() {
    let error = HDF5Error(function: "H5Dread", attempt: "read /layer/x", stack: [])
    #expect(error.cause == nil && error.osErrno == nil)
    #expect(error.description == "cannot read /layer/x: the library gave no reason (H5Dread)")
    let refused = HDF5Error(function: "H5Dread", attempt: "read /layer/x", reason: "it is empty")
    #expect(refused.description == "cannot read /layer/x: it is empty (H5Dread)")
  }

  /// Only locking itself says so, and only with these two numbers: a file system that cannot lock is something else.
  @Test func aLockOfAnotherProgramIsToldFromOtherErrors() {
    func isLocked(_ function: String, _ number: Int32) -> Bool {
      let outer = HDF5Error.Frame(
        function: "H5F_open", description: "", detail: "unable to open file", line: 1)
      let inner = HDF5Error.Frame(
        function: function, description: "",
        detail: "unable to do it, errno = \(number), error message = 'words'", line: 2)
      return HDF5Error(function: "H5Fopen", attempt: "open it", stack: [outer, inner]).isLockedElsewhere
    }
    #expect(isLocked("H5FD__sec2_lock", EAGAIN) && isLocked("H5FD__sec2_lock", EACCES))
    #expect(!isLocked("H5FD__sec2_lock", ENOSYS) && !isLocked("H5FD__sec2_lock", ENOLCK))
    #expect(!isLocked("H5FD__sec2_open", EACCES))
  }

  #if os(Linux)
    @Test func aFileLockedByAWriterIsAnError() throws {
      let folder = try TemporaryFolder()
      try File(creating: folder.path()).close()
      let descriptor = open(folder.path(), O_RDWR)
      defer { close(descriptor) }
      #expect(flock(descriptor, LOCK_EX) == 0)
      let error = try #require(throws: HDF5Error.self) { try File(reading: folder.path()) }
      #expect(error.osErrno == EAGAIN)
      #expect(error.cause == "unable to lock file: Resource temporarily unavailable")
      #expect(flock(descriptor, LOCK_UN) == 0)
      try File(reading: folder.path()).close()
    }

    /// The device takes no byte, like a full disk.
    @Test func aFullDiskIsAnError() throws {
      let error = try #require(throws: HDF5Error.self) { try File(creating: "/dev/full") }
      #expect(error.osErrno == ENOSPC)
      #expect(
        error.description
          == "cannot create /dev/full: file write failed: No space left on device (H5Fcreate)")
      // The library still works.
      let folder = try TemporaryFolder()
      try File(creating: folder.path()).close()
    }
  #endif
}
