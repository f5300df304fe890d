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
