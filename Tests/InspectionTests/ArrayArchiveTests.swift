import Foundation
import Testing

@testable import Inspection

/// Bytes of archives; that NumPy reads them, the Python tools' tests show.
@Suite(.timeLimit(.minutes(30))) struct ArrayArchiveTests {
  /// The check value of CRC-32, and that of nothing.
  @Test func checksums() {
    #expect(checksum(of: Array("123456789".utf8)) == 0xCBF4_3926)
    #expect(checksum(of: []) == 0)
  }

  /// A whole archive, byte by byte after APPNOTE.TXT; the check values are zlib's.
  @Test func everyByteOfAnArchive() {
    var archive = ArrayArchive()
    archive.add(file: "a", [1, 2])
    archive.add(file: "bc", [])
    // Version 2.0, names in UTF-8, stored, midnight of 1 January 1980: the first month and day are 1.
    let common: [UInt8] = [20, 0, 0, 8, 0, 0, 0, 0, 0x21, 0]
    let first: [UInt8] = common + [0x92, 0x42, 0xCC, 0xB6, 2, 0, 0, 0, 2, 0, 0, 0, 1, 0]
    let second: [UInt8] = common + [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0]
    let (none, zeros): ([UInt8], [UInt8]) = ([0, 0], [UInt8](repeating: 0, count: 12))
    let local: [UInt8] = [0x50, 0x4B, 3, 4]
    var expected: [UInt8] = local + first + none + [0x61, 1, 2]
    expected += local + second + none + [0x62, 0x63]
    // The second file begins behind 30 bytes, a name of one, and two; the directory behind 32 more.
    let entry: [UInt8] = [0x50, 0x4B, 1, 2, 20, 0]
    expected += entry + first + zeros + [0, 0, 0, 0, 0x61]
    expected += entry + second + zeros + [33, 0, 0, 0, 0x62, 0x63]
    // Two entries, of 46 bytes and their names.
    expected += [0x50, 0x4B, 5, 6, 0, 0, 0, 0, 2, 0, 2, 0]
    expected += [95, 0, 0, 0, 65, 0, 0, 0, 0, 0]
    #expect(archive.bytes == expected)
  }

  /// Headers of arrays are a multiple of 64 bytes, whatever the shape.
  @Test(arguments: [[3], [1, 2], [100, 20, 3, 3, 1], [12_345_678, 0]]) func headers(shape: [Int]) throws {
    var archive = ArrayArchive()
    archive.add("x", shape: shape, [1.5], as: .float32)
    let bytes = archive.bytes
    let start = try #require(bytes.indices.first { bytes[$0] == 0x93 })
    let length = Int(bytes[start + 8]) | Int(bytes[start + 9]) << 8
    #expect((10 + length) % 64 == 0 && bytes[start + 9 + length] == 0x0A)
    #expect(bytes[(start + 10 + length)..<(start + 14 + length)] == [0, 0, 0xC0, 0x3F])
    let text = String(decoding: bytes[(start + 10)..<(start + 10 + length)], as: UTF8.self)
    let axes = shape.map(String.init).joined(separator: ", ") + (shape.count == 1 ? "," : "")
    #expect(text.hasPrefix("{'descr': '<f4', 'fortran_order': False, 'shape': (\(axes)), }"))
  }
}
