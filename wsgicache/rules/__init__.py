"""What RFC 9111 says, as pure functions: no clock, no I/O, no logging; every rule takes ``now``.

The questions a cache asks, in the order it asks them, and where each is answered:

================== =========================================== ===============================
module             question                                    sections
================== =========================================== ===============================
``bounds``         how long may a text be?                     design of this package
``fields``         what does this text say, how is it written? 9110 §5; 9111 §1.2.2, §5; 9651
``dates``          when?                                       9110 §5.6.7
``ranges``         which bytes?                                9110 §14
``names``          which fields stay here?                     9111 §3.1; 9110 §7.6.1; 9213
``keys``           which URI, which variant?                   9111 §2, §4.1, §4.4; 9110 §7.1
``near``           which URL may be meant instead?            design of this package
``model``          the nouns at rest                           design of this package
``response``       what does the app say?                      9110 §5; PEP 3333
``said``           what did others say of the response?        9111 §5.2; 9213
``checks``         what must an argument be?                   design of this package
``options``        what does each option of a policy take?     design of this package
``policy``         what does the operator want?                design of this package
``special``        what makes a request more than a plain one? design of this package
``credentials``    who asks, and what releases an answer?      9111 §3.5
``negotiating``    would the app choose the same again?        9110 §12.5; 9111 §4.1
``preferences``    what does the client prefer of an offer?    9110 §12.5; 4647
``selecting``      which fields select though no Vary says so? 9111 §4.1
``request``        what was asked?                             9111 §2, §3.5, §5.2.1; 9110 §7
``anonymous``      what does an anonymous request ask for?     5861 §3
``cookies``        which cookies does the app not need?        9111 §4.1
``queries``        which parts of a query change the answer?   9111 §2; No-Vary-Search
``searching``      which URLs have the same answer?            9111 §4; No-Vary-Search
``hidden_cookies`` which cookies does the app not see?         9111 §4.1
``own_writes``     whose pages does a write end?               9111 §4.4
``validators``     what tells states of a resource apart?      9111 §4.3.1; 9110 §8.8
``variants``       which stored responses match?               9111 §4.1
``differing``      how does it differ from all others?         9111 §4.1, §5.2.1
``entries``        how is it filed?                            9111 §4.1, §4.4
``groups``         what belongs together, and ends together?   9875; 9111 §4.4
``freshness``      how long is it fresh, and how old is it?    9111 §4.2; 5861; 9213
``reuse``          may we use it?                              9111 §4, §5.2.1; 5861
``collapsing``     who asks the app for whom?                  9111 §4, §4.3.2
``conditional``    what does it answer?                        9110 §13, §14; 9111 §4.3.2
``other_caches``   what forbids others to store, and so us?    9213 §2
``storing``        may we keep it?                             9111 §3
``keeping``        what do we keep?                            9111 §3.1, §3.3
``validation``     is it still valid?                          9111 §4.3
``partial``        how do parts make the whole?                9111 §3.3, §3.4
``wholes``         is the whole asked for, not the part?       9110 §14.2
``declaring``      how does what was said become fields?       9111 §5.2, §5.3; 9213; 9875
``answering``      what does the answer say about itself?      9111 §5.1; 9211
================== =========================================== ===============================

Comments use four markers: ``Not applicable:``, ``Not implemented:``, ``Deviation:`` and
``PERF:``. A section number without the number of an RFC is one of RFC 9111.
"""

__all__: list[str] = []
