import CHDF5

extension NumericType {
  /// A new datatype of the library for this format.
  ///
  /// The corresponding C function is `H5Tcopy`.
  func makeDatatype() throws(HDF5Error) -> Handle {
    let attempt = "make the type \(self)"
    let datatype = try Handle(.datatype, "H5Tcopy", to: attempt) { H5Tcopy(predefined(byteOrder)) }
    switch kind {
    case .float16:
      try Self.narrow(datatype, exponentBits: 5, mantissaBits: 10, bias: 15, to: attempt)
    case .bfloat16:
      try Self.narrow(datatype, exponentBits: 8, mantissaBits: 7, bias: 127, to: attempt)
    case .float32, .float64, .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64:
      break
    }
    return datatype
  }

  /// The format that this datatype is, in every respect: class, size, byte order, sign, precision, offset, padding, and
  /// a float's fields, bias and normalization. Nil if there is none.
  ///
  /// The corresponding C function is `H5Tequal`.
  init?(recognizing datatype: Handle, to attempt: @autoclosure () -> String) throws(HDF5Error) {
    for (candidate, type) in try Self.candidates.get() {
      let isEqual = try call("H5Tequal", to: attempt()) {
        H5Tequal(datatype.identifier, candidate.identifier)
      }
      if isEqual > 0 {
        self = type
        return
      }
    }
    return nil
  }

  /// The predefined type this format is, or is made from by narrowing.
  private func predefined(_ order: ByteOrder) -> hid_t {
    let isBigEndian: Int32 = order == .big ? 1 : 0
    switch kind {
    case .float16, .bfloat16, .float32: return chdf5_float_type(4, isBigEndian)
    case .float64: return chdf5_float_type(8, isBigEndian)
    case .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64:
      return chdf5_integer_type(Int32(byteCount), kind.isUnsigned ? 0 : 1, isBigEndian)
    }
  }

  /// Makes a `float32` datatype one of two bytes: sign, exponent, mantissa from the most significant bit down, as h5py
  /// makes its float16 and as the library's own 16-bit types are from 1.14.4 on.
  private static func narrow(
    _ datatype: Handle, exponentBits: Int, mantissaBits: Int, bias: Int, to attempt: String
  ) throws(HDF5Error) {
    // The fields first: shrinking the size below a field's end is refused.
    try call("H5Tset_fields", to: attempt) {
      H5Tset_fields(datatype.identifier, 15, mantissaBits, exponentBits, 0, mantissaBits)
    }
    try call("H5Tset_size", to: attempt) { H5Tset_size(datatype.identifier, 2) }
    try call("H5Tset_ebias", to: attempt) { H5Tset_ebias(datatype.identifier, bias) }
  }

  /// Every format beside a datatype to compare with, made once. One-byte integers are there in both orders, because a
  /// file may state either.
  private static let candidates = Result { () throws(HDF5Error) in
    var candidates: [(Handle, NumericType)] = []
    for kind in Kind.allCases {
      for order in ByteOrder.allCases {
        let type = NumericType(kind: kind, byteOrder: order)
        let datatype =
          kind.byteCount == 1
          ? try Handle(.datatype, "H5Tcopy", to: "make the type \(type)") { H5Tcopy(type.predefined(order)) }
          : try type.makeDatatype()
        candidates.append((datatype, type))
      }
    }
    return candidates
  }
}
