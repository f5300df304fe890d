import CHDF5
import Testing

@testable import HDF5

extension Dataset {
  /// The numbers of an attribute, converted to Double by the HDF5 library.
  func numbers(attribute name: String) throws -> [Double] {
    let attribute = try Handle(.attribute, "H5Aopen", to: "test") { H5Aopen(object.identifier, name, 0) }
    let space = try Handle(.dataspace, "H5Aget_space", to: "test") { H5Aget_space(attribute.identifier) }
    let shape = try #require(try Dataspace.shape(of: space, to: "test"))
    var values = [Double](repeating: .nan, count: shape.reduce(1, *))
    try #require(H5Aread(attribute.identifier, chdf5_float_type(8, 0), &values) >= 0)
    return values
  }
}
