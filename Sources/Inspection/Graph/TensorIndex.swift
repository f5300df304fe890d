/// The index along every axis of an element of a row-major tensor. The first axis may be longer than `shape` says.
func tensorIndex(of element: Int, in shape: [Int]) -> [Int] {
  var index = [Int](repeating: 0, count: shape.count)
  var rest = element
  for axis in shape.indices.dropFirst().reversed() {
    (rest, index[axis]) = rest.quotientAndRemainder(dividingBy: shape[axis])
  }
  if !index.isEmpty { index[0] = rest }
  return index
}
