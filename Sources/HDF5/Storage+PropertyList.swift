import CHDF5

/// The part of ``Storage`` that never changes, read once on opening.
enum Layout: Sendable {
  case contiguous, compact, external, virtual
  case chunked(ChunkLayout)

  /// Reads the layout from a dataset's creation properties.
  init(_ properties: Handle, to attempt: @autoclosure () -> String) throws(HDF5Error) {
    let identifier = properties.identifier
    let layout = try call("H5Pget_layout", to: attempt()) { H5Pget_layout(identifier).rawValue }
    switch layout {
    case H5D_COMPACT.rawValue: self = .compact
    case H5D_VIRTUAL.rawValue: self = .virtual
    case H5D_CHUNKED.rawValue:
      self = .chunked(
        ChunkLayout(
          shape: try Self.chunkShape(properties, to: attempt()),
          filters: try Filter.all(of: properties, to: attempt()),
          leavesPartialChunksUnfiltered: try Self.chunkOptions(properties, to: attempt()) != 0))
    default:
      let count = try call("H5Pget_external_count", to: attempt()) { H5Pget_external_count(identifier) }
      self = count > 0 ? .external : .contiguous
    }
  }

  private static func chunkOptions(
    _ properties: Handle, to attempt: @autoclosure () -> String
  ) throws(HDF5Error) -> UInt32 {
    var options: UInt32 = 0
    try call("H5Pget_chunk_opts", to: attempt()) { H5Pget_chunk_opts(properties.identifier, &options) }
    return options
  }

  private static func chunkShape(
    _ properties: Handle, to attempt: @autoclosure () -> String
  ) throws(HDF5Error) -> [Int] {
    let rank = try call("H5Pget_chunk", to: attempt()) { H5Pget_chunk(properties.identifier, 0, nil) }
    var extents = [hsize_t](repeating: 0, count: Int(rank))
    try call("H5Pget_chunk", to: attempt()) { H5Pget_chunk(properties.identifier, rank, &extents) }
    try require(
      extents.allSatisfy { 0 < $0 && $0 <= UInt32.max }, "H5Pget_chunk", to: attempt(),
      "its chunks have the shape \(extents)")
    return extents.map { Int($0) }
  }
}

extension Filter {
  /// The filters of a dataset's creation properties.
  ///
  /// The corresponding C function is `H5Pget_filter2`.
  static func all(
    of properties: Handle, to attempt: @autoclosure () -> String
  ) throws(HDF5Error) -> [Filter] {
    let count = try call("H5Pget_nfilters", to: attempt()) { H5Pget_nfilters(properties.identifier) }
    var filters: [Filter] = []
    for index in 0..<UInt32(count) {
      filters.append(try Filter(properties, index: index, to: attempt()))
    }
    return filters
  }

  private init(
    _ properties: Handle, index: UInt32, to attempt: @autoclosure () -> String
  ) throws(HDF5Error) {
    // The count of parameters comes first, then the parameters: a file decides how many there are.
    var parameterCount = 0
    try call("H5Pget_filter2", to: attempt()) {
      H5Pget_filter2(properties.identifier, index, nil, &parameterCount, nil, 0, nil, nil)
    }
    var flags: UInt32 = 0
    var parameters = [UInt32](repeating: 0, count: parameterCount)
    var name = [CChar](repeating: 0, count: 256)
    let identifier = try call("H5Pget_filter2", to: attempt()) {
      H5Pget_filter2(
        properties.identifier, index, &flags, &parameterCount, &parameters, name.count - 1, &name, nil)
    }
    let nameInFile = String(repairing: name)
    self.identifier = Int(identifier)
    self.name = Self.names[Int(identifier)] ?? (nameInFile.isEmpty ? "filter \(identifier)" : nameInFile)
    self.parameters = parameters
    self.isAvailable = H5Zfilter_avail(identifier) > 0
    self.isOptional = flags & UInt32(H5Z_FLAG_OPTIONAL) != 0
  }
}
