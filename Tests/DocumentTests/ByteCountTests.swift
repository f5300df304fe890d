import Configuration
import StrictJSON
import Testing

@Suite("ByteCount", .timeLimit(.minutes(30)))
struct ByteCountTests {
  @Test(
    "reads sizes",
    arguments: [
      ("800000000", 800_000_000), ("1", 1), ("1B", 1), ("7 b", 7), ("2GiB", 2 << 30), ("512MiB", 512 << 20),
      ("1.5 GB", 1_500_000_000), ("1.5GiB", 3 << 29), ("64kB", 64_000), ("64KIB", 65536), ("1tib", 1 << 40),
      ("0.0015 kB", 1), ("9223372036854775807", Int.max), ("1TB", 1_000_000_000_000),
      ("512MB", 512_000_000), ("1.5 mb", 1_500_000),
    ])
  func parsing(text: String, expected: Int) throws {
    #expect(try ByteCount(parsing: text).bytes == expected)
  }

  @Test(
    "reads bare letters as powers of 1024",
    arguments: [
      ("2G", 2_147_483_648), ("2g", 2_147_483_648), ("1.5 G", 1_610_612_736), ("3K", 3072),
      ("7 M", 7_340_032),
      ("2T", 2_199_023_255_552),
    ])
  func parsingLetters(text: String, expected: Int) throws {
    #expect(try ByteCount(parsing: text).bytes == expected)
  }

  @Test(
    "refuses what is no size",
    arguments: [
      "", "0", "0GiB", "0.0 GiB", "-1", "+1", "1.5", "1.5 B", "2Gi", "2 Gi", "2 GiBs", "2P", "2GG", "GiB",
      ".5GiB", "1.GiB",
      "1.2.3GiB",
      "1e3", "2  GiB", " 2GiB", "2GiB ", "2 ", "99999999TiB", "9223372036854775808", "99999999.5TiB", "٢GiB",
      // 2^64 bytes and some more.
      "2EiB", "17000000TiB",
    ])
  func refusing(text: String) {
    #expect(throws: ValueError(found: text, allowed: .byteCount)) { try ByteCount(parsing: text) }
  }

  @Test(
    "describes itself in binary units",
    arguments: [
      (1, "1 B"), (800, "800 B"), (1023, "1023 B"), (1024, "1 KiB"), (1536, "1.5 KiB"), (65536, "64 KiB"),
      (1_048_575, "1 MiB"), (800_000_000, "762.9 MiB"), (3 << 29, "1.5 GiB"), (1 << 40, "1 TiB"),
      (Int.max, "8 EiB"),
    ])
  func describing(bytes: Int, expected: String) {
    #expect(ByteCount(bytes)?.description == expected)
  }

  @Test("what people read may be none at all")
  func none() {
    #expect(ByteCount.text(0) == "0 B" && ByteCount.text(1) == "1 B" && ByteCount.text(2048) == "2 KiB")
  }

  @Test("is at least 1")
  func minimum() {
    #expect(ByteCount(0) == nil)
    #expect(ByteCount(clamping: -5).bytes == 1)
  }
}
