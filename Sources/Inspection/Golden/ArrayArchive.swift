/// Arrays as NumPy keeps them, `.npy` files in a ZIP archive (`.npz`), which most languages read, and whose members need no program but `unzip`.
struct ArrayArchive {
  private var members: [ZipMember] = []

  /// An element type: how NumPy calls it.
  enum ElementType: String {
    case float32 = "<f4"
    case float64 = "<f8"
    case int64 = "<i8"
  }

  /// Adds an array as `name.npy`.
  ///
  /// The format is version 1.0 of NumPy's `numpy.lib.format`: a header of a multiple of 64 bytes, then the numbers, little-endian, the last
  /// axis first.
  mutating func add(_ name: String, shape: [Int], _ values: [Double], as type: ElementType) {
    let axes = shape.map(String.init).joined(separator: ", ") + (shape.count == 1 ? "," : "")
    var header = "{'descr': '\(type.rawValue)', 'fortran_order': False, 'shape': (\(axes)), }"
    // With the ten bytes before it, and the line break at its end.
    header += String(repeating: " ", count: (64 - (header.utf8.count + 11) % 64) % 64) + "\n"
    var bytes: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0]
    bytes.append(littleEndian: UInt16(header.utf8.count))
    bytes += header.utf8
    for value in values {
      switch type {
      case .float32: bytes.append(littleEndian: Float(value).bitPattern)
      case .float64: bytes.append(littleEndian: value.bitPattern)
      case .int64: bytes.append(littleEndian: Int64(value))
      }
    }
    add(file: name + ".npy", bytes)
  }

  /// Adds any file.
  mutating func add(file name: String, _ bytes: [UInt8]) {
    members.append(ZipMember(name: name, bytes: bytes))
  }

  /// The whole archive, the same for equal members: nothing is compressed, and all files are of the first day that the format knows.
  ///
  /// The format is that of PKWARE's APPNOTE.TXT: for each file a local header and its bytes, then a directory.
  var bytes: [UInt8] {
    var archive: [UInt8] = []
    var directory: [UInt8] = []
    for member in members {
      let offset = archive.count
      archive.append(littleEndian: UInt32(0x0403_4B50))
      archive += member.description
      archive.append(littleEndian: UInt16(0))
      archive += member.name.utf8
      archive += member.bytes
      directory.append(littleEndian: UInt32(0x0201_4B50))
      directory.append(littleEndian: ZipMember.version)
      directory += member.description
      // No extra field, no comment, the first disk, no attributes.
      directory += [UInt8](repeating: 0, count: 12)
      directory.append(littleEndian: UInt32(offset))
      directory += member.name.utf8
    }
    let start = archive.count
    archive += directory
    archive.append(littleEndian: UInt32(0x0605_4B50))
    archive.append(littleEndian: UInt32(0))
    for _ in 0..<2 { archive.append(littleEndian: UInt16(members.count)) }
    archive.append(littleEndian: UInt32(directory.count))
    archive.append(littleEndian: UInt32(start))
    archive.append(littleEndian: UInt16(0))
    return archive
  }
}

/// A file in an archive.
private struct ZipMember {
  /// 2.0, the least that readers of plain files need.
  static let version: UInt16 = 20

  let name: String
  let bytes: [UInt8]

  /// What local headers and the directory say alike, but for the length of the extra field.
  var description: [UInt8] {
    var header: [UInt8] = []
    header.append(littleEndian: Self.version)
    // Names in UTF-8; stored; midnight of 1 January 1980.
    for word in [0x0800, 0, 0, 0x0021] as [UInt16] { header.append(littleEndian: word) }
    header.append(littleEndian: checksum(of: bytes))
    header.append(littleEndian: UInt32(bytes.count))
    header.append(littleEndian: UInt32(bytes.count))
    header.append(littleEndian: UInt16(name.utf8.count))
    return header
  }
}

/// The CRC-32 of ISO 3309, bit by bit reversed, as ZIP and gzip have it.
func checksum(of bytes: [UInt8]) -> UInt32 {
  var sum: UInt32 = .max
  for byte in bytes { sum = sum >> 8 ^ checksums[Int(UInt8(truncatingIfNeeded: sum) ^ byte)] }
  return ~sum
}

/// Of every byte.
private let checksums: [UInt32] = (0..<256).map { byte in
  (0..<8).reduce(UInt32(byte)) { sum, _ in sum & 1 == 1 ? sum >> 1 ^ 0xEDB8_8320 : sum >> 1 }
}

extension [UInt8] {
  fileprivate mutating func append<Value: FixedWidthInteger>(littleEndian value: Value) {
    Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
  }
}
