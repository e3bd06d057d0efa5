# What Doxygen sees of a header: the comment at its top becomes the file's description, equations and tables (lines
# that are indented within a comment) keep their lines, and a comment behind a member belongs to that member.
function close_block() { if (verbatim) { print indent "/// \\endverbatim"; verbatim = 0 } }
{ comment = 0 }
NR == 1 && /^\/\/ / { print "/// \\file"; heading = 1 }
heading && /^\/\// { sub(/^\/\//, "///") }
heading && !/^\/\/\// { heading = 0 }
/^ *\/\/\// {
  comment = 1
  indent = $0; sub(/\/\/\/.*/, "", indent)
  text = $0; sub(/^ *\/\/\/ ?/, "", text)
  if (text ~ /^  +[^ ]/ && !list) {
    if (!verbatim) print indent "/// \\verbatim"
    verbatim = 1
    print
    next
  }
  close_block()
  if (text ~ /^([-*]|[0-9]+\.) /) list = 1
  else if (text !~ /^ /) list = 0
  gsub(/</, "\\<")
  gsub(/#/, "\\#")
  gsub(/::rename\(/, "rename (")
  print
  next
}
{ close_block(); list = 0 }
/^ +[A-Za-z].*[;,}] +\/\/ / && !/return / { sub(/ \/\/ /, " ///< ") }
{ print }
