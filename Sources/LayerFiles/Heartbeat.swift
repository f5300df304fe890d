import Dispatch
import Parallel
import SystemPackage

#if canImport(Glibc)
  import Glibc  // usleep
#else
  import Darwin
#endif

/// A file that changes as long as its owner lives: in place of a lock, where a file system has none.
///
///     8   a number that the owner drew
///     8   how often it has changed
///
/// An owner on another host is seen by nothing else. Nobody's clock is compared with another's: who looks on counts its own seconds.
final class Heartbeat: Sendable {
  /// How often the file changes.
  @TaskLocal static var period = Duration.seconds(2)
  /// Who has not changed the file in so many periods is gone.
  private static let patience = 5

  private let file: FileDescriptor
  private let path: String
  private let isShared: Bool
  private let calls: any FileCalls
  private let timer: HandedOver<any DispatchSourceTimer>
  private let count = Guarded<UInt64>(0)
  private let token = UInt64.random(in: 1...UInt64.max)

  /// Begins to change a file.
  /// - Parameter isShared: true if others may do the same.
  init(_ file: FileDescriptor, _ path: String, isShared: Bool, _ calls: any FileCalls) {
    self.file = file
    self.path = path
    self.isShared = isShared
    self.calls = calls
    let timer = DispatchSource.makeTimerSource(queue: .global(qos: .utility))
    self.timer = HandedOver(timer)
    beat()
    let period = DispatchTimeInterval.microseconds(Self.period.microseconds)
    timer.schedule(deadline: .now() + period, repeating: period)
    timer.setEventHandler { [weak self] in self?.beat() }
    timer.resume()
  }

  private func beat() {
    let count = count.withLock { count in
      count += 1
      return count
    }
    try? Self.write([token, count], to: file, calls)
  }

  /// Ends it, and lets the file go, so that nobody has to look on.
  func stop() {
    timer.value.cancel()
    if !isShared, (try? Self.numbers(in: file, calls))?.first == token { try? calls.remove(path) }
  }

  /// Looks whether a file's owner lives.
  /// - Returns: true if it does not, and the caller is the one who takes its place.
  static func takeOver(_ file: FileDescriptor, _ path: String, _ calls: any FileCalls) -> Bool {
    guard let before = try? numbers(in: file, calls) else { return false }
    // Of several who see the same, one makes this file. Where it stays all the time, that one died over it.
    let claim = "\(path).after-\(String(before.first ?? 0, radix: 16))"
    let isLeft = calls.isTaken(claim)
    let step = period.microseconds / 4
    for _ in 0..<4 * patience {
      usleep(UInt32(step))
      guard let now = try? numbers(in: file, calls), now == before else { return false }
      // Its owner ended as it should.
      guard calls.isTaken(path) else { return false }
    }
    if isLeft { try? calls.remove(claim) }
    guard
      let mark = try? calls.uninterrupted({ calls throws(Errno) in
        try calls.open(
          claim, .readWrite, [.create, .exclusiveCreate, .noFollow, .closeOnExec],
          permissions: FilePermissions(rawValue: 0o666))
      })
    else { return false }
    defer {
      try? calls.close(mark)
      try? calls.remove(claim)
    }
    guard (try? numbers(in: file, calls)) == before else { return false }
    return (try? write([UInt64.random(in: 1...UInt64.max), 0], to: file, calls)) != nil
  }

  /// What the file holds; nothing if its owner has not come to writing it.
  private static func numbers(in file: FileDescriptor, _ calls: any FileCalls) throws(Errno) -> [UInt64] {
    var bytes = [UInt8](repeating: 0, count: 16)
    let outcome: Result<Int, Errno> = bytes.withUnsafeMutableBytes { buffer in
      Result { () throws(Errno) in
        try calls.uninterrupted { calls throws(Errno) in try calls.read(file, at: 0, into: buffer) }
      }
    }
    guard try outcome.get() == 16 else { return [] }
    return bytes.withUnsafeBytes { bytes in
      (0..<2).map { UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8 * $0, as: UInt64.self)) }
    }
  }

  private static func write(_ numbers: [UInt64], to file: FileDescriptor, _ calls: any FileCalls)
    throws(Errno)
  {
    let outcome: Result<Int, Errno> = numbers.map(\.littleEndian).withUnsafeBytes { bytes in
      Result { () throws(Errno) in
        try calls.uninterrupted { calls throws(Errno) in try calls.write(file, at: 0, from: bytes) }
      }
    }
    _ = try outcome.get()
  }
}

extension Duration {
  fileprivate var microseconds: Int {
    Int(components.seconds) * 1_000_000 + Int(components.attoseconds / 1_000_000_000_000)
  }
}
