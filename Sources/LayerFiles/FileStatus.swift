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
  /// Who may do what with it.
  let permissions: FilePermissions
  let owner: UserID
  let group: GroupID
  /// Bytes.
  package let size: Int
  /// Nanoseconds since 1970.
  package let modified: Int64

  init(_ status: Stat) {
    device = status.deviceID
    inode = status.inode
    type = status.type
    permissions = status.permissions
    owner = status.userID
    group = status.groupID
    size = Int(status.size)
    modified = Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec)
  }

  /// The device's two numbers, as Linux shows them.
  var deviceNumbers: (major: UInt64, minor: UInt64) {
    let number = UInt64(device.rawValue)
    return (number >> 8 & 0xFFF | number >> 32 & ~0xFFF, number & 0xFF | number >> 12 & 0xFFF_FF00)
  }
  var inodeNumber: UInt64 { UInt64(inode.rawValue) }

  package var isRegularFile: Bool { type == .regular }
  package var isFolder: Bool { type == .directory }

  var isSymbolicLink: Bool { type == .symbolicLink }

  package func isSameFile(as other: FileStatus) -> Bool { device == other.device && inode == other.inode }
}
