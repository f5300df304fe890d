import HDF5

/// How a dataset's elements are read as numbers.
struct NumberFormat: Sendable, Equatable {
  /// What the numbers are.
  let type: NumericType
  /// What the library is asked for; another type than `type` if integers hold the bits of bfloat16.
  let storedType: NumericType
  /// True if the file holds another format, so that only the library can read it.
  let isConverted: Bool
  /// The format in the file, in words, if numbers may be rounded on their way to `type`.
  let rounded: String?

  /// - Parameter readsUInt16AsBFloat16: true if integers of 16 bits are the bits of bfloat16.
  /// - Returns: nil if the elements are not numbers.
  init?(_ element: ElementDescription, readsUInt16AsBFloat16: Bool) {
    switch element {
    case .numeric(let stored):
      storedType = stored
      type =
        readsUInt16AsBFloat16 && stored.kind == .uint16
        ? NumericType(kind: .bfloat16, byteOrder: stored.byteOrder) : stored
      (isConverted, rounded) = (false, nil)
    case .converted(let conversion):
      (storedType, type) = (conversion.type, conversion.type)
      (isConverted, rounded) = (true, conversion.isExact ? nil : conversion.words)
    case .opaque(2, let tag) where readsUInt16AsBFloat16 || Self.isOfBFloat16(tag):
      // NumPy has no bfloat16; h5py stores the two bytes of ml_dtypes' as they are in memory.
      storedType = NumericType(kind: .uint16, byteOrder: .little)
      type = NumericType(kind: .bfloat16, byteOrder: .little)
      (isConverted, rounded) = (false, nil)
    case .opaque, .boolean, .bitField, .other: return nil
    }
  }

  private static func isOfBFloat16(_ tag: String) -> Bool {
    tag.isEmpty || tag.lowercased().contains("bfloat16")
  }

  /// True if integers hold the bits.
  var isBFloat16Bits: Bool { type != storedType }
}
