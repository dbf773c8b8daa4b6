import lab_beta
