import Foundation
import SystemPackage
import TestSupport
import Testing

@testable import LayerFiles

/// The lock of a file is its owner's, whatever others do with the file meanwhile.
@Suite(.timeLimit(.minutes(30))) struct FileLockTests {
  /// On a file system without locks.
  private func withoutLocks() -> WatchedFileCalls {
    WatchedFileCalls { call, _ in call.kind == .lock ? .fails(.noLocks) : .made }
  }

  /// Between opening a file and locking it, the one who had it may end and remove it, and another one may make it anew.
  @Test(arguments: [false, true], [false, true])
  func aFileThatHasLostItsNameIsNoLock(isMadeAnew: Bool, isShared: Bool) throws {
    let folder = try TemporaryFolder()
    let path = folder.path("lock")
    let calls = WatchedFileCalls { call, _ in
      if call.kind == .lock {
        try FileManager.default.removeItem(atPath: path)
        if isMadeAnew { try Data().write(to: URL(fileURLWithPath: path)) }
      }
      return .made
    }
    let isOwn = try FileLock(path, isShared: isShared, calls) != nil
    #expect(!isOwn)
    // It was closed.
    let opened = calls.calls.count { $0.kind == .open && $0.name == "lock" }
    let closed = calls.calls.count { $0.kind == .close && $0.name == "lock" }
    #expect(opened == 1 && closed == 1)
    // Who comes next has it.
    let isNext = try FileLock(path, isShared: isShared, SystemFileCalls()) != nil
    #expect(isNext)
  }

  /// Where there are no locks, who has a share leaves the file to the others that have one.
  @Test func sharesAreLeftToOthers() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("lock")
    let calls = withoutLocks()
    let first = try FileLock(path, isShared: true, calls)
    try withExtendedLifetime(first) {
      try #require(first != nil)
      for _ in 0..<3 {
        let isShared = try FileLock(path, isShared: true, calls) != nil
        #expect(isShared)
        #expect(FileManager.default.fileExists(atPath: path))
      }
    }
  }

  /// Where there are no locks, an owner that was taken for dead does not remove the file of whoever took its place.
  @Test func theFileOfAnotherOwnerStays() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("lock")
    let others = Data(repeating: 7, count: 16)
    func own() throws {
      let lock = try Heartbeat.$period.withValue(.seconds(3600)) { try FileLock(path, withoutLocks()) }
      try withExtendedLifetime(lock) {
        try #require(lock != nil)
        let before = try Data(contentsOf: URL(fileURLWithPath: path))
        #expect(before.count == 16 && before != others)
        try others.write(to: URL(fileURLWithPath: path))
      }
    }
    try own()
    #expect(try folder.bytes("lock") == others)
  }
}
