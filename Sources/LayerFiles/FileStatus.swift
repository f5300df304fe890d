import SystemPackage

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// What the file system says of a file.
package struct FileStatus: Hashable, Sendable {
  private let device: DeviceID
  private let inode: Inode
  private let type: FileType
  /// Bytes.
  package let size: Int
  /// Nanoseconds since 1970.
  package let modified: Int64

  init(_ status: Stat) {
    device = status.deviceID
    inode = status.inode
    type = status.type
    size = Int(status.size)
    modified = Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec)
  }

  /// The status of the file at `path`, through symbolic links; nil if there is none.
  package init?(path: String) {
    guard let status = try? path.withCString({ path throws(Errno) in try Stat(path) }) else { return nil }
    self.init(status)
  }

  package var isRegularFile: Bool { type == .regular }
  package var isFolder: Bool { type == .directory }

  /// True if `path` is a symbolic link, wherever it leads.
  static func isLink(_ path: String) -> Bool {
    let status = try? path.withCString { path throws(Errno) in try Stat(path, followTargetSymlink: false) }
    return status?.type == .symbolicLink
  }

  package func isSameFile(as other: FileStatus) -> Bool { device == other.device && inode == other.inode }
}

extension Errno {
  /// What the last system call of this thread set.
  static var current: Errno { Errno(rawValue: errno) }

  /// The number in what a function of swift-system threw.
  init(_ error: any Error) { self = error as? Errno ?? .ioError }
}
