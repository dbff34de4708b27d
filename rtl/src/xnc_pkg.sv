/// Constants of the block, from spec/xnc.md. A block is handled as one vector whose bit k is stream bit k.
package xnc_pkg;

  /// The specification numbers the bits of a word from the top: its bit b is vector bit 16 - b.
  localparam int unsigned SignBit = 15;

  /// Section 2: the NOT inverts the specification's bits 2 to 5.
  localparam logic [15:0] NotMask = 16'h7800;

  /// Section 3: the parts of a word that a block stores in different places.
  localparam int unsigned CoreWidth = 8;
  localparam int unsigned MidWidth = 3;
  localparam int unsigned RestWidth = 4;

  /// Section 3: where the fields of a full block begin, and the most bits that it takes.
  localparam int unsigned SelectorsAt = 1;

  function automatic int unsigned signs_at(input int unsigned words);
    signs_at = SelectorsAt + words;
  endfunction

  function automatic int unsigned cores_at(input int unsigned words);
    cores_at = signs_at(words) + words;
  endfunction

  function automatic int unsigned mids_at(input int unsigned words);
    mids_at = cores_at(words) + CoreWidth * words;
  endfunction

  function automatic int unsigned rests_at(input int unsigned words);
    rests_at = mids_at(words) + MidWidth * words;
  endfunction

  function automatic int unsigned block_width(input int unsigned words);
    block_width = rests_at(words) + RestWidth * words;
  endfunction

endpackage
