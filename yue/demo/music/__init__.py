"""Songs by program: on paper (lyrics, compose), as sound (voice, instruments, render), as files."""
