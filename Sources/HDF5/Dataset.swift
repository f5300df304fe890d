import CHDF5

/// A dataset: an array of elements of one type.
///
/// A row is everything at one index of the first axis; a dataset of shape `[]` is one row.
public final class Dataset: AttributeHolder {
  /// For use inside this module.
  public let object: OpenObject
  /// The lengths of the axes; `[]` for a single element and for a null dataset.
  public let shape: [Int]
  /// Whether it has no elements and no shape at all.
  public let isNull: Bool
  /// The product of the axes; times the element's size it fits an `Int`.
  public let elementCount: Int
  /// The elements of one row.
  public let rowElementCount: Int
  /// What its elements are.
  public let type: ElementDescription
  /// The bytes of an element in the file, before any filter.
  public let elementByteCount: Int

  /// What filters need to know; nil if there are no chunks, or they are too large for memory.
  let chunkToRead: ChunkBeingRead?

  /// Looks at chunks before the library decodes them; nil if there are none, or nobody here knows their filters.
  let chunkGuard: ChunkGuard?

  private let layout: Layout

  /// Reads the description of a dataset that is open.
  ///
  /// - Throws: if it makes no sense or does not fit the address space.
  init(_ object: OpenObject) throws(HDF5Error) {
    var attempt: String { "open dataset \(object.path)" }
    let identifier = object.identifier
    let properties = try Handle(.propertyList, "H5Dget_create_plist", to: attempt) {
      H5Dget_create_plist(identifier)
    }
    let datatype = try Handle(.datatype, "H5Dget_type", to: attempt) { H5Dget_type(identifier) }
    let layout = try Layout(properties, to: attempt)
    let space = try Self.openSpace(identifier, layout, properties, to: attempt)
    let shape = try Dataspace.shape(of: space, to: attempt)
    let elementSize = H5Tget_size(datatype.identifier)

    guard elementSize > 0, let rowElementCount = Dataspace.product((shape ?? []).dropFirst()),
      let elementCount = Dataspace.product(shape ?? []),
      Dataspace.product([elementCount, Int(clamping: elementSize)]) != nil
    else {
      throw HDF5Error(
        function: "H5Dopen2", attempt: attempt,
        reason: "\(shape ?? []) elements of \(elementSize) bytes are more than memory can address")
    }
    if case .chunked(let chunks) = layout {
      try require(
        chunks.shape.count == shape?.count, "H5Dopen2", to: attempt,
        "its shape is \(shape ?? []) and that of its chunks \(chunks.shape)")
    }
    self.object = object
    self.layout = layout
    chunkToRead =
      if case .chunked(let chunks) = layout,
        let byteCount = Dataspace.product(chunks.shape + [Int(clamping: elementSize)])
      {
        ChunkBeingRead(byteCount: byteCount, filters: chunks.filters)
      } else {
        nil
      }
    self.chunkGuard =
      if case .chunked(let chunks) = layout {
        object.file.chunkGuard(of: object.path) {
          ChunkGuard(chunks, shape: shape ?? [], elementSize: Int(clamping: elementSize))
        }
      } else {
        nil
      }
    self.isNull = shape == nil
    self.shape = shape ?? []
    self.elementCount = shape == nil ? 0 : elementCount
    self.rowElementCount = shape == nil ? 0 : rowElementCount
    // Of what kind the elements would be is of no use to anybody.
    self.type =
      shape == nil ? .other("nothing (a null dataspace)") : try ElementDescription(datatype, to: attempt)
    self.elementByteCount = Int(elementSize)
  }

  /// The path from the root by which it was opened.
  public var path: String { object.path }

  /// The length of the first axis; 1 for shape `[]`, 0 for a null dataset.
  public var rowCount: Int { isNull ? 0 : shape.first ?? 1 }

  /// How the elements lie in the file. The offset of contiguous ones is looked up each time.
  ///
  /// The corresponding C function is `H5Dget_offset`.
  public var storage: Storage {
    switch layout {
    case .contiguous:
      let offset = noted("H5Dget_offset") { H5Dget_offset(object.identifier) }
      return .contiguous(offset: offset == chdf5_undefined_address() ? nil : Int64(exactly: offset))
    case .compact: return .compact
    case .chunked(let chunks): return .chunked(chunks)
    case .external: return .external
    case .virtual: return .virtual
    }
  }

  /// The bytes allocated in the file, for chunks after their filters.
  ///
  /// The corresponding C function is `H5Dget_storage_size`.
  public var storageSize: Int {
    if case .virtual = layout { return 0 }
    return Int(clamping: noted("H5Dget_storage_size") { H5Dget_storage_size(object.identifier) })
  }

  /// Closes the dataset now, which writes chunks that the library still holds.
  ///
  /// The corresponding C function is `H5Dclose`.
  ///
  /// - Throws: if they cannot be written.
  public func close() throws(HDF5Error) { try object.close() }

  /// Access properties with a chunk cache of this size; nil for the library's own, which cost nothing.
  ///
  /// The corresponding C function is `H5Pset_chunk_cache`.
  static func accessProperties(
    chunkCacheByteCount: Int?, to attempt: @autoclosure () -> String
  ) throws(HDF5Error) -> Handle? {
    guard let chunkCacheByteCount else { return nil }
    let properties = try Handle(.propertyList, "H5Pcreate", to: attempt()) {
      H5Pcreate(chdf5_dataset_access())
    }
    let byteCount = max(0, chunkCacheByteCount)
    // A prime number of slots, as the library's manual advises, and chunks that were read whole go first.
    try call("H5Pset_chunk_cache", to: attempt()) {
      H5Pset_chunk_cache(properties.identifier, 12421, byteCount, 1)
    }
    return properties
  }

  /// The dataspace. A virtual dataset's is taken from its description, because to ask the library for it can open the
  /// other files.
  private static func openSpace(
    _ identifier: hid_t, _ layout: Layout, _ properties: Handle, to attempt: @autoclosure () -> String
  ) throws(HDF5Error) -> Handle {
    if case .virtual = layout {
      var count = 0
      try call("H5Pget_virtual_count", to: attempt()) {
        H5Pget_virtual_count(properties.identifier, &count)
      }
      try require(count > 0, "H5Pget_virtual_count", to: attempt(), "it is virtual and maps nothing")
      return try Handle(.dataspace, "H5Pget_virtual_vspace", to: attempt()) {
        H5Pget_virtual_vspace(properties.identifier, 0)
      }
    }
    return try Handle(.dataspace, "H5Dget_space", to: attempt()) { H5Dget_space(identifier) }
  }
}
