/// So many of something, in the words of the program and of its pages: `1 batch`, `3 batches`.
package func counted(_ count: Int, _ one: String, _ several: String) -> String {
  "\(count) \(count == 1 ? one : several)"
}
