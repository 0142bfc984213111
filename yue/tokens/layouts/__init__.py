r"""Token layouts, one file each: how text and codes follow one another in a document.

=========== ====================================================== ========================== =====
layout      a document                                             one frame of a section     lanes
=========== ====================================================== ========================== =====
cot         header; sections of lyrics, then audio                 v:k0 i:k0 v:k1 i:k1 ...    2
icl         cot, with reference audio in the header                v:k0 i:k0 v:k1 i:k1 ...    2
interleave  sections of instruction, lyrics, then audio            v:k0 i:k0 v:k1 i:k1 ...    2
mix         sections of instruction and lyrics, and audio, or the  k0 k1 ...                  1
            other way round
stage2      chunks of six seconds: codebook 0 of all frames, then  k1 k2 ..., or with teacher 1
            the codebooks that stage 2 adds                        forcing k0 k1 k2 ...
=========== ====================================================== ========================== =====

v and i are the vocal and the instrumental track, k0, k1 ... the codebooks that documents carry
(``Options.codebooks``): of xcodec and melrvq one by default in stage 1, eight in stage 2; and all
of dac16k (4), dac44k (9) and semanticodec (2). With one codebook a frame of two lanes is v i, which
is what the released models were trained on.

The id of code c of codebook k is ``offsets[k] + c`` (:class:`yue.tokens.vocabulary.CodecRange`), so
ids say their codebook. Every block of codes stands between ``<SOA>`` with the codec's separators
(or ``<stage_1>``) and ``<EOA>``. So a document can be read back: :mod:`yue.tokens.roles` says what
each id is for, :mod:`yue.tokens.document_faults` what is odd.

Codes of semanticodec can be cut at every eighth frame alone (a patch of its encoder): sections,
prompts and chunks start and end there.
"""
