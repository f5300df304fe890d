import Foundation
import LayerFiles
import SystemPackage
import TestSupport
import Testing

/// The calls of the operating system itself: what they do, and that what goes wrong is heard.
@Suite(.timeLimit(.minutes(30))) struct SystemFileCallsTests {
  private let calls = SystemFileCalls()
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func create(_ name: String, _ text: String = "") throws -> String {
    try Data(text.utf8).write(to: folder.url.appending(path: name))
    return folder.path(name)
  }

  @Test func namesAreGivenAndTaken() throws {
    let one = try create("one", "1")
    let two = folder.path("two")
    try calls.link(one, to: two)
    #expect(try calls.status(of: one, followsLinks: true) == calls.status(of: two, followsLinks: true))
    #expect(throws: Errno.fileExists) { try calls.link(one, to: two) }
    try calls.unlink(one)
    #expect(throws: Errno.noSuchFileOrDirectory) { try calls.unlink(one) }
    #expect(throws: Errno.noSuchFileOrDirectory) { try calls.link(one, to: folder.path("three")) }
    #expect(throws: Errno.noSuchFileOrDirectory) { try calls.rename(one, to: two) }
    let old = try create("old", "old")
    try calls.rename(two, to: old)
    #expect(try folder.bytes("old") == Data("1".utf8))
    #expect(try folder.names == ["old"])
  }

  @Test func linksAreFollowedOrNot() throws {
    let file = try create("file", "12345")
    let link = folder.path("link")
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "file")
    #expect(try calls.status(of: link, followsLinks: true) == calls.status(of: file, followsLinks: true))
    #expect(try calls.status(of: link, followsLinks: true).size == 5)
    #expect(try calls.status(of: link, followsLinks: false) != calls.status(of: file, followsLinks: true))
    #expect(try calls.resolved(link) == folder.url.resolvingSymlinksInPath().path + "/file")
    try calls.unlink(file)
    #expect(throws: Errno.noSuchFileOrDirectory) { try calls.resolved(link) }
    #expect(throws: Errno.noSuchFileOrDirectory) { try calls.status(of: link, followsLinks: true) }
    #expect(throws: Never.self) { try calls.status(of: link, followsLinks: false) }
  }

  @Test func aLockIsOneOpenFiles() throws {
    let path = try create("file")
    let one = try calls.open(path, .readWrite, .closeOnExec, permissions: nil)
    let two = try calls.open(path, .readWrite, .closeOnExec, permissions: nil)
    try calls.lock(one)
    #expect(throws: Errno.wouldBlock) { try calls.lock(two) }
    try calls.close(one)
    #expect(throws: Never.self) { try calls.lock(two) }
    try calls.close(two)
    // Not `two` once more: another test may have its number by now.
    #expect(throws: Errno.badFileDescriptor) { try calls.close(Self.neverOpen) }
  }

  /// Larger than any limit on open files.
  private static let neverOpen = FileDescriptor(rawValue: .max)

  @Test func bytesAreAtTheirPlaces() throws {
    let path = folder.path("file")
    let file = try calls.open(
      path, .readWrite, [.create, .exclusiveCreate], permissions: FilePermissions(rawValue: 0o600))
    #expect(throws: Errno.fileExists) {
      try calls.open(
        path, .readWrite, [.create, .exclusiveCreate], permissions: FilePermissions(rawValue: 0o600))
    }
    let text = Data("abcdef".utf8)
    #expect(try text.withUnsafeBytes { try calls.write(file, at: 4, from: $0) } == 6)
    try calls.synchronize(file)
    calls.beginWriteback(file, offset: 4, byteCount: 6)
    calls.adviseSequentialReading(file)
    var bytes = [UInt8](repeating: 9, count: 8)
    #expect(try bytes.withUnsafeMutableBytes { try calls.read(file, at: 2, into: $0) } == 8)
    #expect(bytes == [0, 0] + Array("abcdef".utf8))
    #expect(try bytes.withUnsafeMutableBytes { try calls.read(file, at: 8, into: $0) } == 2)
    #expect(try bytes.withUnsafeMutableBytes { try calls.read(file, at: 10, into: $0) } == 0)
    #expect(try calls.status(file).size == 10)
    try calls.close(file)
    let none = Self.neverOpen
    for call in [{ try calls.synchronize(none) }, { _ = try calls.status(none) }, { try calls.lock(none) }] {
      #expect(throws: Errno.badFileDescriptor) { try call() }
    }
  }

  @Test func roomIsWhatTheFileSystemSays() throws {
    let attributes = try FileManager.default.attributesOfFileSystem(forPath: folder.url.path)
    let free = try #require((attributes[.systemFreeSize] as? NSNumber)?.doubleValue)
    // Somebody else may write meanwhile.
    #expect(try abs(Double(calls.freeByteCount(at: folder.url.path)) - free) < 0.5 * free)
    #expect(throws: Errno.noSuchFileOrDirectory) { try calls.freeByteCount(at: folder.path("nowhere")) }
    #expect(throws: Never.self) { try calls.checkWritable(folder.url.path) }
    #expect(throws: Errno.noSuchFileOrDirectory) { try calls.checkWritable(folder.path("nowhere")) }
  }

  #if os(Linux)
    @Test func spaceIsGivenOrRefused() async throws {
      let file = try calls.open(create("file"), .readWrite, .closeOnExec, permissions: nil)
      try calls.allocate(file, byteCount: 100_000)
      #expect(try calls.status(file).size == 100_000)
      try calls.close(file)
      // In a process of its own, whose files may not grow beyond this.
      await #expect(processExitsWith: .success) {
        signal(SIGXFSZ, SIG_IGN)
        var limit = rlimit(rlim_cur: 4096, rlim_max: 4096)
        setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
        let (folder, calls) = (try TemporaryFolder(), SystemFileCalls())
        let file = try calls.open(
          folder.path("file"), .readWrite, .create, permissions: FilePermissions(rawValue: 0o600))
        try calls.allocate(file, byteCount: 4096)
        #expect(throws: Errno.fileTooLarge) { try calls.allocate(file, byteCount: 4097) }
      }
    }
  #endif
}
