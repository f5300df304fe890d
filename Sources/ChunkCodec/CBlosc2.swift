/// The functions of C-Blosc2 that undo its filter.
struct CBlosc2: Sendable {
  private typealias Frame = OpaquePointer
  private typealias Array = OpaquePointer

  private let open: @convention(c) (UnsafeMutablePointer<UInt8>?, Int64, Bool) -> Frame?
  private let keepBytes: @convention(c) (Frame, Bool) -> Void
  private let decompress: @convention(c) (Frame, Int64, UnsafeMutableRawPointer?, Int32) -> Int32
  private let close: @convention(c) (Frame) -> Int32
  private let openArray: @convention(c) (Frame, UnsafeMutablePointer<Array?>) -> Int32
  private let copyArray: @convention(c) (Array, UnsafeMutableRawPointer?, Int64) -> Int32
  private let closeArray: @convention(c) (Array) -> Int32

  /// Nil if the library is missing.
  ///
  /// The corresponding C functions are `blosc2_init`, `blosc2_schunk_from_buffer`, `blosc2_schunk_avoid_cframe_free`,
  /// `blosc2_schunk_decompress_chunk`, `blosc2_schunk_free`, `b2nd_from_schunk`, `b2nd_to_cbuffer` and `b2nd_free`.
  static let functions: CBlosc2? = CompressionLibrary.blosc2.load(
    "blosc2_init", "blosc2_schunk_from_buffer", "blosc2_schunk_avoid_cframe_free",
    "blosc2_schunk_decompress_chunk",
    "blosc2_schunk_free", "b2nd_from_schunk", "b2nd_to_cbuffer", "b2nd_free"
  ).map { found in
    unsafeBitCast(found[0], to: (@convention(c) () -> Void).self)()
    return CBlosc2(found)
  }

  private init(_ found: [UnsafeMutableRawPointer]) {
    open = unsafeBitCast(
      found[1], to: (@convention(c) (UnsafeMutablePointer<UInt8>?, Int64, Bool) -> Frame?).self)
    keepBytes = unsafeBitCast(found[2], to: (@convention(c) (Frame, Bool) -> Void).self)
    decompress = unsafeBitCast(
      found[3], to: (@convention(c) (Frame, Int64, UnsafeMutableRawPointer?, Int32) -> Int32).self)
    close = unsafeBitCast(found[4], to: (@convention(c) (Frame) -> Int32).self)
    openArray = unsafeBitCast(
      found[5], to: (@convention(c) (Frame, UnsafeMutablePointer<Array?>) -> Int32).self)
    copyArray = unsafeBitCast(
      found[6], to: (@convention(c) (Array, UnsafeMutableRawPointer?, Int64) -> Int32).self)
    closeArray = unsafeBitCast(found[7], to: (@convention(c) (Array) -> Int32).self)
  }

  /// - Parameter source: a frame.
  /// - Returns: the bytes written; nil if the data is damaged or longer than `target`.
  func decompress(_ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) -> Int? {
    guard let head = Blosc2Frame(source), head.byteCount <= target.count else { return nil }
    // It is only read, though the function's declaration does not say so.
    let bytes = UnsafeMutablePointer(mutating: source.bindMemory(to: UInt8.self).baseAddress)
    guard let frame = open(bytes, Int64(source.count), false) else { return nil }
    keepBytes(frame, true)
    guard head.hasAxes else {
      defer { _ = close(frame) }
      let count = Int(decompress(frame, 0, target.baseAddress, Int32(head.byteCount)))
      return count == head.byteCount ? count : nil
    }
    var array: Array?
    guard openArray(frame, &array) >= 0, let array else {
      _ = close(frame)
      return nil
    }
    // It closes the frame, too.
    defer { _ = closeArray(array) }
    return copyArray(array, target.baseAddress, Int64(head.byteCount)) >= 0 ? head.byteCount : nil
  }
}
