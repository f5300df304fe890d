import Foundation
import HDF5
import SystemPackage

/// A process that has a file open.
public struct LockHolder: Sendable, Equatable {
  /// Its number.
  public let process: Int
  /// What it is called, as `python3`; nil if the system does not say.
  public let name: String?
}

extension StreamError {
  /// Why the HDF5 library did not open a file: each reason asks for something else of the user.
  /// - Parameters:
  ///   - file: the same file, opened past the library.
  ///   - status: of that file.
  static func opening(_ file: PositionalFile, _ status: FileStatus, _ error: HDF5Error) -> StreamError {
    if error.isLockedElsewhere { return .inputLocked(path: file.path, status.lockHolders()) }
    if let number = error.osErrno {
      let errno = Errno(rawValue: number)
      return errno == .permissionDenied || errno == .notPermitted
        ? .inputUnreadable(path: file.path, errno) : .readFailed(path: file.path, errno)
    }
    return Superblock.isMarkedOpen(in: file, size: status.size)
      ? .inputNotClosed(path: file.path) : .inputDamaged(path: file.path, error)
  }
}

/// The beginning of an HDF5 file.
private enum Superblock {
  private static let signature: [UInt8] = [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A]

  /// Whether the file says that a program has it open for writing, or never closed it: bits 0 and 2 of the flags of a superblock of
  /// version 3 (HDF5 File Format Specification, II.A).
  static func isMarkedOpen(in file: PositionalFile, size: Int) -> Bool {
    var offset = 0
    while offset + 12 <= size {
      var bytes = [UInt8](repeating: 0, count: 12)
      let isRead: Void? = try? bytes.withUnsafeMutableBytes {
        try file.read(at: Int64(offset), into: $0, dataset: "the superblock")
      }
      guard isRead != nil else { return false }
      if bytes.starts(with: signature) { return bytes[8] >= 3 && bytes[11] & 0b101 != 0 }
      // Before it there may be 512, 1024, 2048, … bytes that are not HDF5's.
      offset = offset == 0 ? 512 : 2 * offset
    }
    return false
  }
}

extension FileStatus {
  /// The processes that hold a lock on the file, as far as the system says; where it has no /proc/locks, none.
  func lockHolders() -> [LockHolder] {
    let locks =
      FileManager.default.contents(atPath: "/proc/locks").map { String(decoding: $0, as: UTF8.self) } ?? ""
    var holders: [LockHolder] = []
    for line in locks.split(separator: "\n") {
      // `1: FLOCK ADVISORY WRITE 1234 fe:00:1007792 0 EOF`; one that waits has `->` before its kind.
      let fields = line.split(separator: " ")
      guard fields.count >= 6, fields[1] != "->", isFile(fields[5]), let process = Int(fields[4]),
        process > 0,
        !holders.contains(where: { $0.process == process })
      else { continue }
      let name = FileManager.default.contents(atPath: "/proc/\(process)/comm")
        .map { String(decoding: $0, as: UTF8.self).trimmingCharacters(in: .newlines) }
      holders.append(LockHolder(process: process, name: name))
    }
    return holders
  }

  /// - Parameter place: the device's numbers in hexadecimal, and the file's: `fe:00:1007792`.
  private func isFile(_ place: Substring) -> Bool {
    let parts = place.split(separator: ":")
    guard parts.count == 3 else { return false }
    return UInt64(parts[0], radix: 16) == deviceNumbers.major
      && UInt64(parts[1], radix: 16) == deviceNumbers.minor
      && UInt64(parts[2]) == inodeNumber
  }
}
